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
// Whether the attempt that begins is translated.
bool exchange_request_is_foreign(const struct exchange *x);
// The body in pieces: the client's with the upstream's name for the model in place of its own, or
// in the upstream's dialect. An error of translation_read() or translation_write() where it can't
// be told in that.
err exchange_request_body(struct exchange *x);
// The head, with the length of the body's pieces; `rest` is the path behind the provider's base
// URL.
err exchange_request_head(struct exchange *x);

// exchange_translate.c: where the client and the upstream speak different dialects.
// The exchange's translation; made where there is none.
struct translation *exchange_translate_open(struct exchange *x);
// The attempt fails for a request that could not be written for its upstream.
void exchange_translate_refuse(struct exchange *x, err why);
// The error that stands for it, for the client.
struct exchange_error exchange_translate_error(const struct exchange *x);
// The upstream begins its stream.
void exchange_translate_begin(struct exchange *x);
// Whole events of it as they go to the client.
err exchange_translate_events(struct exchange *x, str events, str *out);
// Reads the request of a client behind a door, for the routes. An error of translation_read().
err exchange_translate_scan(struct exchange *x);
// What a target must be able to do for it.
struct openai_needs exchange_translate_needs(const struct exchange *x);
// About how many tokens a request has.
uint64_t exchange_translate_estimate(const struct chat_request *q);
// Answers a count of tokens with that; the exchange has ended.
void exchange_translate_count(struct exchange *x);
// An answer's vectors in the encoding that the client asked for, as pieces; `body` where they have
// it. ERR_SYNTAX and the like: they are none.
err exchange_translate_vectors(struct exchange *x, str body, struct iovec *pieces, int *count);
// What the upstream said of its failure in the stream, where it said something.
void exchange_translate_told(struct exchange *x, struct exchange_error *e);
// Tells a client behind a door of an upstream's error answer; the exchange has ended.
void exchange_translate_refusal(struct exchange *x, str body);
// Appends the event that ends a stream which can't be completed, in the client's dialect: what the
// upstream said, where it did, else `e`.
err exchange_translate_cut(struct exchange *x, const struct exchange_error *e, struct buf *out);
// A whole answer of the upstream, as pieces for the client, of which there is room for
// TRANSLATION_PIECES_MAX. ERR_SYNTAX where it is none.
err exchange_translate_answer(struct exchange *x, str body, struct iovec *pieces, int *count);

// exchange_answer.c: makes the client's answer of the upstream's, or without one.
struct exchange_error {
    unsigned status;
    str code;
    str message;
    str param;        // of the request; empty: the whole
    msec retry_ms;    // above 0: when to come again
    bool is_hopeless; // the client's own retries would only add to it
};

// The fields of an upstream's answer as they go to the client, with our own.
str exchange_answer_fields(struct exchange *x);
// Appends what each answer says of the request: its id, who answered it.
err exchange_answer_own_fields(struct exchange *x, struct buf *out);
// Tells the client of a failure that no attempt mends; the exchange has ended.
void exchange_answer_failure(struct exchange *x);
// Answers with an error in the dialect; the exchange has ended.
void exchange_answer_error(struct exchange *x, const struct exchange_error *e);
// The error that stands for a failed upstream.
struct exchange_error exchange_answer_error_of(const struct exchange *x, err why);
// Answers with JSON of our own; the exchange has ended.
void exchange_answer_json(struct exchange *x, unsigned status, str body);

// exchange_door.c: clients that came by gRPC, or by the REST that is made of it.
// Looks whether the request is for a service, and opens its door. ERR_ABSENT: it is not. After any
// other error the client was told, and the exchange has ended.
err exchange_door_find(struct exchange *x);
// Takes NULL.
void exchange_door_close(struct door *d);
// The body is whole: unwraps it. After an error the client was told, and the exchange has ended.
err exchange_door_request(struct exchange *x);
// Goes on with the answer, beginning where it has not: messages of our own dialect, in frames where
// the answer is a stream.
void exchange_door_write(struct exchange *x, const struct iovec *pieces, int count, bool is_last);
// Ends it with an error; the exchange goes on to its end.
void exchange_door_fail(struct exchange *x, const struct exchange_error *e);

// The pieces of one message in a row, in d->whole.
err exchange_door_join(struct door *d, const struct iovec *pieces, int count);

// exchange_rest.c: what such a door does where the client speaks HTTP with JSON.
void exchange_rest_open(struct exchange *x);
void exchange_rest_close(struct door_rest *rest); // takes NULL
// As the namesakes above; `s` is what `e` means.
err exchange_rest_request(struct exchange *x);
void exchange_rest_write(struct exchange *x, const struct iovec *pieces, int count, bool is_last);
void exchange_rest_fail(struct exchange *x, const struct status *s, const struct exchange_error *e);

// exchange_grpc.c: upstreams that speak gRPC.
// Appends the fields that a call of gRPC has, but for the type.
err exchange_grpc_fields(const struct exchange *x, struct buf *out);
// Puts the prefix of its frame before a request's pieces, of which there is room for
// GATHER_PIECES_MAX.
err exchange_grpc_frame(struct exchange *x, struct iovec *pieces, int *count);
// Whether the upstream's answer is one of gRPC, and whether it ends with its head.
bool exchange_grpc_is_answer(const struct exchange *x);
bool exchange_grpc_is_ended(const struct exchange *x);
// How the call ended, once its body has. ERR_REFUSED: by the error in `*out`; ERR_CLOSED: it was
// cut before it said.
err exchange_grpc_end(struct exchange *x, struct status *out);
// The attempt fails with such an error.
void exchange_grpc_fail(struct exchange *x, const struct status *s);
// The one message of a body. ERR_CLOSED: it is not whole; ERR_SYNTAX: it is none.
err exchange_grpc_message(str body, str *message);

// exchange_models.c
// Answers /v1/models and /v1/models/{id} from the settings. False where they are the upstream's.
bool exchange_models_answer(struct exchange *x);

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
// The request, out of whatever it was wrapped in.
str exchange_body(const struct exchange *x);
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
