// exchange_private: what the files of the exchange share.
#pragma once

#include "gateway/exchange.h"

// exchange_route.c: who answers; goes on with exchange_attempt_next(), or answers with an error.
// By the model that the request's body names.
void exchange_route_by_body(struct exchange *x);
// Requests that name no model go where "*" goes, else to the first model's first provider.
void exchange_route_by_default(struct exchange *x);

// exchange_attempt.c: attempts, one after the other.
// Asks the next upstream, waits until one may be asked, or gives up and answers.
void exchange_attempt_next(struct exchange *x);
// The attempt under way has ended well, or nobody wants it any more.
void exchange_attempt_end(struct exchange *x, enum failure f);
// A stream has gone well for long enough to tell its cell.
void exchange_attempt_judge(struct exchange *x);
// It has failed: asks again or somebody else where that may help, else tells the client.
void exchange_attempt_fail(struct exchange *x, enum failure f, err reason);
// Something of the answer goes to the client from here on.
void exchange_attempt_release(struct exchange *x);
// The first token has come, or what stands for it.
void exchange_attempt_first_token(struct exchange *x);
// What an error of the wire is, where the exchange is.
enum failure exchange_attempt_failure_of(const struct exchange *x, err reason);
// Lets those go on that wait for a place.
void exchange_attempt_wake(struct gateway *g);

// exchange_recover.c: a stream that was cut within its answer, finished by another one.
// Whether that could be done for this request at all.
bool exchange_recover_may(const struct exchange *x);
// Makes the request of the next attempt; false where it can't be done.
bool exchange_recover_prepare(struct exchange *x);

// exchange_request.c: makes the upstream's request of the client's.
// The body in pieces, with the upstream's name for the model in place of the client's.
void exchange_request_body(struct exchange *x);
// The head, with the length of the body's pieces; `rest` is the path behind the provider's base
// URL.
err exchange_request_head(struct exchange *x);

// exchange_answer.c: makes the client's answer of the upstream's, or without one.
struct exchange_error {
    unsigned status;
    str code;
    str message;
    msec retry_ms;    // above 0: when to come again
    bool is_hopeless; // the client's own retries would only add to it
};

// The fields of an upstream's answer as they go to the client, with our own.
str exchange_answer_fields(struct exchange *x);
// Tells the client of a failure that no attempt mends; the exchange has ended.
void exchange_answer_failure(struct exchange *x);
// Answers with an error in the dialect; the exchange has ended.
void exchange_answer_error(struct exchange *x, const struct exchange_error *e);
// The error that stands for a failed upstream.
struct exchange_error exchange_answer_error_of(const struct exchange *x, err why);
// Answers /v1/models and /v1/models/{id} from the settings. False where they are the upstream's.
bool exchange_answer_models(struct exchange *x);
// Answers with JSON of our own; the exchange has ended.
void exchange_answer_json(struct exchange *x, unsigned status, str body);

// exchange_relay.c: passes the answer on.
void exchange_relay_head(struct exchange *x);
// The error of an upstream, which was gathered, goes to the client as it came.
void exchange_relay_refusal(struct exchange *x);
// Ends a stream that has begun with an error event.
void exchange_relay_error(struct exchange *x);
// Takes what has come from the upstream, as long as the client takes it.
void exchange_relay_pull(struct exchange *x);
// The answer can't be completed: tells the client, as well as still can be.
void exchange_relay_cut(struct exchange *x, err why);
// A comment, to keep the connection warm while the upstream is silent.
void exchange_relay_comment(struct exchange *x);

// exchange.c
// Sends the request of an attempt, once it has its origin and the upstream's name for its model.
void exchange_send(struct exchange *x);
// Everything has been answered, or nobody listens any more: counts, logs, frees.
void exchange_end(struct exchange *x);
// (Re)arms the timer for the nearest bound.
void exchange_watch(struct exchange *x);
// One budget for all attempts and what comes between them, from here on.
void exchange_set_deadlines(struct exchange *x);
// Moves to another step.
void exchange_move(struct exchange *x, enum exchange_step to);
