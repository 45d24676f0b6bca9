// Tests of answer.c; bench/gateway/run builds and runs them before it believes an answer.
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define EVENT "9\r\ndata: {}\n\r\n"
#define END "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

struct example {
    const char *name;
    uint32_t events_wanted;
    const char *bytes;
    enum answer_verdict verdict;
};

static const struct example examples[] = {
    {"an object with a length is complete", 0, HEAD "Content-Length: 2\r\n\r\n{}", ANSWER_COMPLETE},
    {"an object in chunks is complete", 0, CHUNKED "1\r\n{\r\n001\r\n}\r\n0\r\n\r\n",
     ANSWER_COMPLETE},
    {"a stream with all its events is complete", 2, CHUNKED EVENT EVENT END, ANSWER_COMPLETE},
    {"two events in a chunk count as two", 2, CHUNKED "14\r\ndata: {}\n\ndata: {}\n\n\r\n" END,
     ANSWER_COMPLETE},
    {"a body short of its length needs more", 0, HEAD "Content-Length: 3\r\n\r\n{}",
     ANSWER_NEEDS_MORE},
    {"chunks without the last one need more", 0, CHUNKED "2\r\n{}\r\n", ANSWER_NEEDS_MORE},
    {"a last chunk without its empty line needs more", 0, CHUNKED "2\r\n{}\r\n0\r\n",
     ANSWER_NEEDS_MORE},
    {"an unfinished head needs more", 0, HEAD, ANSWER_NEEDS_MORE},
    {"another status is wrong", 0, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}",
     ANSWER_WRONG},
    {"an announced close is wrong", 0, HEAD "Connection: close\r\nContent-Length: 2\r\n\r\n{}",
     ANSWER_WRONG},
    {"a body of unknown length is wrong", 0, HEAD "\r\n{}", ANSWER_WRONG},
    {"an empty body is wrong", 0, HEAD "Content-Length: 0\r\n\r\n", ANSWER_WRONG},
    {"an object without its brace is wrong", 0, HEAD "Content-Length: 2\r\n\r\n{\"", ANSWER_WRONG},
    {"a chunk size that is no number is wrong", 0, CHUNKED "x\r\n", ANSWER_WRONG},
    {"a chunk longer than its size is wrong", 0, CHUNKED "2\r\n{}x\r\n0\r\n\r\n", ANSWER_WRONG},
    {"a stream without [DONE] is wrong", 1, CHUNKED EVENT "0\r\n\r\n", ANSWER_WRONG},
    {"a stream short of an event is wrong", 2, CHUNKED EVENT END, ANSWER_WRONG},
    {"a stream with one event more is wrong", 1, CHUNKED EVENT EVENT END, ANSWER_WRONG},
    {"an event behind [DONE] is wrong", 2,
     CHUNKED EVENT "e\r\ndata: [DONE]\n\n\r\n" EVENT "0\r\n\r\n", ANSWER_WRONG},
    {"a stream where an object was asked for is wrong", 0, CHUNKED EVENT END, ANSWER_WRONG},
};

enum { NO_VERDICT = -1 };

// Feeds the bytes in pieces of at most `piece`. An answer that is complete too early, or wrong for
// no stated reason, matches no expectation.
static int judge(const struct example *x, size_t piece)
{
    static struct answer answer;
    const char *at = x->bytes, *end = at + strlen(at);
    enum answer_verdict verdict = ANSWER_NEEDS_MORE;

    answer_begin(&answer, x->events_wanted);
    while (at < end && verdict == ANSWER_NEEDS_MORE) {
        const char *piece_end = (size_t)(end - at) < piece ? end : at + piece;

        while (at < piece_end && verdict == ANSWER_NEEDS_MORE) {
            verdict = answer_take(&answer, &at, piece_end);
        }
    }
    if (verdict == ANSWER_COMPLETE && at < end) return NO_VERDICT;
    if (verdict == ANSWER_WRONG && !answer.problem) return NO_VERDICT;
    return (int)verdict;
}

static bool heads_are_bounded(void)
{
    static struct answer answer;
    static char bytes[ANSWER_HEAD_MAX + 1];
    const char *at = bytes;

    memset(bytes, 'a', sizeof bytes);
    answer_begin(&answer, 0);
    return answer_take(&answer, &at, bytes + sizeof bytes) == ANSWER_WRONG;
}

int main(void)
{
    int failures = 0;

    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        for (size_t piece = 1; piece <= 256; piece++) {
            if (judge(&examples[i], piece) == (int)examples[i].verdict) continue;
            fprintf(stderr, "answer_test: %s: failed in pieces of %zu\n", examples[i].name, piece);
            failures++;
            break;
        }
    }
    if (!heads_are_bounded()) {
        fprintf(stderr, "answer_test: an endless head is wrong: failed\n");
        failures++;
    }
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
