#include "base/steps.h"

#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// CONNECT --> SEND --> DONE, and a retry from SEND to CONNECT.
enum call_step { CONNECT, SEND, DONE };

static const struct step call_steps[] = {
    [CONNECT] = {"connect", STEP_BIT(SEND) | STEP_BIT(DONE)},
    [SEND] = {"send", STEP_BIT(CONNECT) | STEP_BIT(DONE)},
    [DONE] = {"done", 0},
};

TEST(steps_move_along_declared_ways)
{
    int step = CONNECT;

    steps_move(call_steps, &step, SEND);
    steps_move(call_steps, &step, CONNECT);
    steps_move(call_steps, &step, DONE);
    CHECK_EQ(step, DONE);
}

TEST(steps_abort_on_an_undeclared_move)
{
    fflush(stdout);
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        int step = DONE;
        if (!freopen("/dev/null", "w", stderr)) _exit(2);
        signal(SIGABRT, SIG_DFL);
        steps_move(call_steps, &step, SEND);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
