// Design: an entry is a name known or being asked. A question (dns_query) is a heap object of its
// own, since a thread may sit in getaddrinfo() long after all who waited have given up; entry and
// question point at each other until either goes.
#include "io/dns.h"

#include "base/memory.h"
#include "io/socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

struct dns_entry {
    struct link bucket;
    struct link age;
    struct link waiting;     // lookups
    struct dns_query *query; // NULL unless being asked
    msec expires;
    err result;
    size_t count;
    struct address addresses[DNS_ADDRESSES_MAX];
    size_t name_len;
    char name[DNS_NAME_MAX + 1]; // lower case
};

struct dns_query {
    struct offload_job job;
    struct dns_entry *entry; // NULL once the resolver is gone
    dns_resolve_fn *resolve;
    size_t count;
    struct address addresses[DNS_ADDRESSES_MAX];
    char name[DNS_NAME_MAX + 1];
};

static err ask_system(const char *name, struct address *addresses, size_t *count)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    size_t n = 0;
    int code = getaddrinfo(name, NULL, &hints, &list);

    if (code == EAI_MEMORY) return ERR_LIMIT;
    if (code != 0) return ERR_RESOLVE;
    for (struct addrinfo *a = list; a && n < DNS_ADDRESSES_MAX; a = a->ai_next) {
        struct sockaddr_storage kernel = {0};
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        memcpy(&kernel, a->ai_addr, a->ai_addrlen);
        socket_from_kernel(&kernel, &addresses[n++]);
    }
    freeaddrinfo(list);
    *count = n;
    return n > 0 ? OK : ERR_RESOLVE;
}

void dns_interleave(struct address *addresses, size_t count)
{
    struct address by_family[2][DNS_ADDRESSES_MAX];
    size_t counts[2] = {0};
    size_t taken[2] = {0};

    assert(count <= DNS_ADDRESSES_MAX);
    if (count == 0) return;
    unsigned family = addresses[0].is_v6;
    for (size_t i = 0; i < count; i++) {
        unsigned f = addresses[i].is_v6;
        by_family[f][counts[f]++] = addresses[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (taken[family] == counts[family]) family = !family;
        addresses[i] = by_family[family][taken[family]++];
        if (taken[!family] < counts[!family]) family = !family;
    }
}

// IP literals and localhost. False for a name that must be asked for.
static bool answer_without_asking(str name, struct dns_lookup *k)
{
    static const struct address loopback[2] = {{.bytes = {[15] = 1}, .is_v6 = 1},
                                               {.bytes = {127, 0, 0, 1}}};
    char text[INET6_ADDRSTRLEN] = "";
    struct address *first = &k->addresses[0];

    if (str_eq_nocase(name, STR("localhost"))) {
        memcpy(k->addresses, loopback, sizeof(loopback));
        k->count = 2;
        return true;
    }
    if (name.len >= sizeof(text) || str_find_char(name, '\0') < name.len) return false;
    memcpy(text, name.ptr, name.len);
    *first = (struct address){0};
    if (inet_pton(AF_INET, text, first->bytes) != 1) {
        if (inet_pton(AF_INET6, text, first->bytes) != 1) return false;
        first->is_v6 = 1;
    }
    k->count = 1;
    return true;
}

// Letters, digits, "-", "_" and "."; so that nothing odd reaches the resolver or a log.
static bool is_name(str name)
{
    if (name.len == 0 || name.len > DNS_NAME_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
        if (!is_fine) return false;
    }
    return true;
}

static size_t lower_name(str name, char *out)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[name.len] = '\0';
    return name.len;
}

// FNV-1a. Names come from the configuration, so no peer chooses what shares a bucket.
static struct link *bucket_of(struct dns *d, str name)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ (unsigned char)name.ptr[i]) * UINT64_C(1099511628211);
    }
    return &d->buckets[(hash ^ hash >> 32) % DNS_BUCKETS];
}

static struct dns_entry *find_entry(struct dns *d, str name)
{
    struct link *bucket = bucket_of(d, name);

    for (struct link *l = bucket->next; l != bucket; l = l->next) {
        struct dns_entry *e = container_of(l, struct dns_entry, bucket);
        if (str_eq(name, (str){e->name, e->name_len})) return e;
    }
    return NULL;
}

static void free_entry(struct dns *d, struct dns_entry *e)
{
    list_remove(&e->bucket);
    list_remove(&e->age);
    d->entry_count--;
    memory_free(e);
}

// Makes room for one more entry. False where every name is being asked for.
static bool make_room(struct dns *d)
{
    if (d->entry_count < DNS_ENTRIES_MAX) return true;
    for (struct link *l = d->by_age.next; l != &d->by_age; l = l->next) {
        struct dns_entry *e = container_of(l, struct dns_entry, age);
        if (e->query) continue;
        free_entry(d, e);
        return true;
    }
    return false;
}

static struct dns_entry *new_entry(struct dns *d, str name)
{
    struct dns_entry *e = NULL;

    if (!make_room(d)) return NULL;
    e = memory_new(struct dns_entry);
    list_init(&e->waiting);
    memcpy(e->name, name.ptr, name.len);
    e->name_len = name.len;
    list_push_back(bucket_of(d, name), &e->bucket);
    list_push_back(&d->by_age, &e->age);
    d->entry_count++;
    return e;
}

static void stop_waiting(struct dns_lookup *k, err result)
{
    list_remove(&k->waiting);
    loop_alarm_stop(k->op.loop, &k->deadline);
    op_finish(&k->op, result);
}

static void give_answer(struct dns_lookup *k, const struct dns_entry *e)
{
    k->count = e->count;
    memcpy(k->addresses, e->addresses, e->count * sizeof(e->addresses[0]));
}

static err run_query(struct offload_job *job)
{
    struct dns_query *q = container_of(job, struct dns_query, job);

    return q->resolve(q->name, q->addresses, &q->count);
}

static void drop_query(struct offload_job *job)
{
    memory_free(container_of(job, struct dns_query, job));
}

// A refusal of the pool is no news about the name, so it is not remembered.
static msec time_to_live(err result)
{
    if (result == OK) return DNS_TTL_MS;
    return result == ERR_RESOLVE ? DNS_TTL_FAILURE_MS : 0;
}

static void query_done(struct op *op, err result)
{
    struct dns_query *q = container_of(op, struct dns_query, job.op);
    struct dns_entry *e = q->entry;
    struct link *link = NULL;

    if (!e) {
        memory_free(q);
        return;
    }
    e->query = NULL;
    e->result = result;
    e->expires = op->loop->now + time_to_live(result);
    e->count = result == OK ? q->count : 0;
    memcpy(e->addresses, q->addresses, e->count * sizeof(e->addresses[0]));
    dns_interleave(e->addresses, e->count);
    while ((link = e->waiting.next) != &e->waiting) {
        struct dns_lookup *k = container_of(link, struct dns_lookup, waiting);
        give_answer(k, e);
        stop_waiting(k, result);
    }
    memory_free(q);
}

static void ask(struct dns *d, struct dns_entry *e)
{
    struct dns_query *q = memory_new(struct dns_query);

    q->entry = e;
    q->resolve = d->resolve;
    memcpy(q->name, e->name, e->name_len);
    e->query = q;
    offload_start(&q->job, d->offload, d->loop, run_query, query_done);
}

static void cancel_lookup(struct op *op)
{
    stop_waiting(container_of(op, struct dns_lookup, op), ERR_CANCELED);
}

static void lookup_is_late(struct timer *t)
{
    stop_waiting(container_of(t, struct dns_lookup, deadline), ERR_TIMEOUT);
}

void dns_start(struct dns *d, struct dns_lookup *k, str name, msec deadline, op_done_fn *done)
{
    char lower[DNS_NAME_MAX + 1];
    struct dns_entry *e = NULL;

    op_start(&k->op, d->loop, done, cancel_lookup);
    list_init(&k->waiting);
    k->count = 0;
    if (answer_without_asking(name, k)) {
        op_finish(&k->op, OK);
        return;
    }
    if (!is_name(name)) {
        op_finish(&k->op, ERR_RESOLVE);
        return;
    }
    name = (str){lower, lower_name(name, lower)};
    e = find_entry(d, name);
    if (!e) e = new_entry(d, name);
    if (!e) {
        op_finish(&k->op, ERR_LIMIT);
        return;
    }
    list_remove(&e->age);
    list_push_back(&d->by_age, &e->age);
    if (!e->query && d->loop->now < e->expires) {
        give_answer(k, e);
        op_finish(&k->op, e->result);
        return;
    }
    list_push_back(&e->waiting, &k->waiting);
    loop_alarm_at(d->loop, &k->deadline, deadline, lookup_is_late);
    if (!e->query) ask(d, e);
}

void dns_init(struct dns *d, struct loop *loop, struct offload *offload)
{
    *d = (struct dns){.loop = loop, .offload = offload, .resolve = ask_system};
    list_init(&d->by_age);
    for (int i = 0; i < DNS_BUCKETS; i++) {
        list_init(&d->buckets[i]);
    }
}

void dns_done(struct dns *d)
{
    while (!list_is_empty(&d->by_age)) {
        struct dns_entry *e = container_of(d->by_age.next, struct dns_entry, age);
        assert(list_is_empty(&e->waiting));
        if (e->query) {
            e->query->entry = NULL;
            offload_abandon(&e->query->job, drop_query);
        }
        free_entry(d, e);
    }
}
