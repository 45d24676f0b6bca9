// Crosses threads.
#include "io/loop.h"

#include "support/test.h"

#include <pthread.h>

struct ticker {
    struct timer timer;
    struct loop *loop;
    int ticks;
};

static void tick(struct timer *t)
{
    struct ticker *k = container_of(t, struct ticker, timer);

    if (++k->ticks < 10) loop_alarm(k->loop, t, 60'000, tick);
}

TEST(loop_virtual_lives_ten_minutes_at_once)
{
    struct loop l;

    loop_init_virtual(&l, 5);
    struct ticker k = {.loop = &l};
    loop_alarm(&l, &k.timer, 60'000, tick);
    loop_run(&l);
    CHECK_EQ(k.ticks, 10);
    CHECK_EQ(l.now, 600'005);
    CHECK(!loop_turn(&l, 1000));
    loop_done(&l);
}

struct letter {
    struct message message;
    int number;
};

static int letters_in_order;
static int letters_seen;

enum { LETTERS = 1000 };

static void take_letter(struct message *m, struct loop *l)
{
    struct letter *letter = container_of(m, struct letter, message);

    letters_in_order += letter->number == letters_seen;
    if (++letters_seen == LETTERS) loop_stop(l);
}

static void *send_letters(void *loop)
{
    static struct letter letters[LETTERS];

    for (int i = 0; i < LETTERS; i++) {
        letters[i].number = i;
        loop_post(loop, &letters[i].message, take_letter);
    }
    return NULL;
}

TEST(loop_messages_from_another_thread_arrive_in_order)
{
    struct loop l;
    pthread_t sender;

    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(pthread_create(&sender, NULL, send_letters, &l), 0);
    loop_run(&l);
    pthread_join(sender, NULL);
    CHECK_EQ(letters_seen, LETTERS);
    CHECK_EQ(letters_in_order, LETTERS);
    loop_done(&l);
}

struct chore {
    struct task task;
    int runs;
};

static void do_chore(struct task *t)
{
    container_of(t, struct chore, task)->runs++;
}

struct portions {
    struct task task;
    struct loop *loop;
    int done;
};

static void do_portion(struct task *t)
{
    struct portions *p = container_of(t, struct portions, task);

    p->done++;
    loop_next_turn(p->loop, t, do_portion);
}

TEST(loop_next_turn_does_one_portion_a_turn)
{
    struct loop l;

    loop_init_virtual(&l, 0);
    struct portions p = {.loop = &l};
    loop_next_turn(&l, &p.task, do_portion);
    CHECK_EQ(p.done, 0);
    loop_turn(&l, 0);
    CHECK_EQ(p.done, 1);
    loop_turn(&l, 1000); // does not wait while there is work
    CHECK_EQ(p.done, 2);
    CHECK_EQ(l.now, 0);
    loop_forget(&p.task);
    loop_turn(&l, 0);
    CHECK_EQ(p.done, 2);
    loop_done(&l);
}

TEST(loop_later_runs_once_per_request_and_can_be_forgotten)
{
    struct loop l;
    struct chore c = {.runs = 0};

    loop_init_virtual(&l, 0);
    loop_later(&l, &c.task, do_chore);
    loop_later(&l, &c.task, do_chore);
    CHECK_EQ(c.runs, 0);
    loop_turn(&l, 0);
    CHECK_EQ(c.runs, 1);
    loop_later(&l, &c.task, do_chore);
    loop_forget(&c.task);
    loop_turn(&l, 0);
    CHECK_EQ(c.runs, 1);
    loop_done(&l);
}
