// json_walk: passes a text as a careful caller would, every level entered, nothing skipped.
//
// For tests and fuzzers, which compare it to json_check(): two ways to one verdict.
#pragma once

#include "codec/json.h"

// Passes the value that comes next: enters it if it nests, else checks that it is a slice of the
// text of the kind that was promised.
static inline err json_walk_value(struct json_reader *r)
{
    struct json_value v;
    enum json_kind kind;

    TRY(json_peek(r, &kind));
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) return json_enter(r);
    if (json_enter(r) != ERR_TYPE) return ERR_SYSTEM;
    TRY(json_value(r, &v));
    bool is_slice = v.kind == kind && v.text.len > 0 && v.text.ptr >= r->text.ptr &&
                    v.text.ptr + v.text.len == r->text.ptr + r->at;
    return is_slice ? OK : ERR_SYSTEM;
}

// ERR_SYSTEM where the reader contradicts itself.
static inline err json_walk(str text, size_t *error_at)
{
    struct json_reader r;
    str key;
    err e;

    json_reader_init(&r, text);
    do {
        e = json_walk_value(&r);
        while (!e && r.depth > 0 && r.place != JSON_BEFORE_VALUE) {
            uint32_t level = r.depth - 1;
            bool is_object = r.in_object[level / 64] >> level % 64 & 1;
            e = is_object ? json_member(&r, &key) : json_element(&r);
            if (e == ERR_EOF) e = OK;
        }
    } while (!e && r.depth > 0);
    if (!e) e = json_end(&r);
    if (e) *error_at = r.at;
    return e;
}
