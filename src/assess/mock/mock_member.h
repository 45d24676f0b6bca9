// mock_member: members of JSON objects in one line each, and the pieces that bodies share.
//
// Pure.
#pragma once

#include "assess/mock/mock_say.h"
#include "codec/json_write.h"

void mock_member_str(struct json_writer *w, str key, str value);
void mock_member_u64(struct json_writer *w, str key, uint64_t value);
void mock_member_bool(struct json_writer *w, str key, bool value);
void mock_member_null(struct json_writer *w, str key);
// Null where `value` is empty.
void mock_member_str_or_null(struct json_writer *w, str key, str value);
// Open an object or an array under `key`; the caller ends it.
void mock_member_object(struct json_writer *w, str key);
void mock_member_array(struct json_writer *w, str key);
// An id: the prefix and the answer's digits, and for what there are several of its number, from 0.
void mock_member_id(struct json_writer *w, str key, str prefix, const struct mock_say *s);
void mock_member_id_nth(struct json_writer *w, str key, str prefix, const struct mock_say *s,
                        size_t nth);
// All the words, as one string.
void mock_member_words(struct json_writer *w, str key, const struct mock_words *words);
