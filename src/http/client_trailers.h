// client_trailers: the fields behind an answer's body (RFC 9110 section 6.5).
//
// Of HTTP/1.1 they are gathered as their bytes come and read when all have; of HTTP/2 they come
// whole. In the call's arena, so they live as long as the head.
#pragma once

#include "base/arena.h"
#include "codec/h1.h"

struct client_trailers {
    struct h1_field *fields;
    size_t count;
    char *text; // the section so far, behind a status line
    uint32_t len;
    uint32_t room;
};

// More of the section, of which h1_body bounds the length; with `is_last` its blank line is in it.
// What is no list of fields, or says how the body was framed, is dropped.
void client_trailers_add(struct client_trailers *t, struct arena *arena, str more, bool is_last);
