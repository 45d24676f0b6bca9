// echo_server: a server on a virtual loop whose handler answers with the method, the target and the
// body it was sent, for tests of connections.
//
// One at a time; belongs to its own loop. What the handler does is set by its fields.
#pragma once

#include "http/server_call.h"

enum { ECHO_SERVER_CALLS_MAX = 512 };

struct echo_server;

struct echo_call {
    struct server_call_user user;
    struct echo_server *echo;
    struct server_call *call; // NULL once over
    struct buf body;
    err gone; // why, where it is
    int drained;
};

struct echo_server {
    struct loop loop;
    struct server server;
    struct echo_call calls[ECHO_SERVER_CALLS_MAX]; // as they came
    int call_count;
    bool is_streaming; // leaves the answer open
    bool is_lazy;      // takes no body, and answers nothing
    bool is_drained;
};

void echo_server_init(struct echo_server *e);
// Closes all and frees; nothing may be left.
void echo_server_done(struct echo_server *e);
// Lets happen what can happen without time going by.
void echo_server_settle(struct echo_server *e);
void echo_server_wait(struct echo_server *e, msec ms);
// For a lazy one: takes what has come of the body, and answers at its end.
void echo_server_take(struct echo_call *c);
// Another part of an open answer.
void echo_server_write(struct echo_call *c, str text, bool is_last);
