#include "provider/json_whole.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void take_in_string(struct json_whole *j, char c)
{
    if (j->is_escaped) {
        j->is_escaped = false;
    } else if (c == '\\') {
        j->is_escaped = true;
    } else if (c == '"') {
        j->is_in_string = false;
    }
}

static void take(struct json_whole *j, char c)
{
    if (j->is_in_string) {
        take_in_string(j, c);
        return;
    }
    switch (c) {
    case '"': j->is_in_string = true; break;
    case '{':
    case '[': j->depth++; break;
    case '}':
    case ']': j->is_whole = --j->depth == 0; break;
    default: break;
    }
}

void json_whole_take(struct json_whole *j, str piece)
{
    for (size_t i = 0; i < piece.len && !j->is_other; i++) {
        char c = piece.ptr[i];
        if (is_space(c) && !j->is_in_string) continue;
        // Nothing but white space goes before or behind.
        j->is_other = j->is_whole || (!j->depth && c != '{');
        if (!j->is_other) take(j, c);
    }
    j->is_whole &= !j->is_other;
}
