#include "gateway/field_rules.h"

enum { HOP_BY_HOP = FIELD_NOT_UP | FIELD_NOT_DOWN };

struct field_row {
    str name;
    unsigned rules;
};

// By length, so that most names are told by theirs alone.
static const struct field_row rows[] = {
    {STR_INIT("te"), HOP_BY_HOP},
    {STR_INIT("host"), FIELD_NOT_UP},
    {STR_INIT("expect"), FIELD_NOT_UP},
    {STR_INIT("alt-svc"), FIELD_NOT_DOWN},
    {STR_INIT("trailer"), HOP_BY_HOP},
    {STR_INIT("upgrade"), HOP_BY_HOP},
    {STR_INIT("forwarded"), FIELD_NOT_UP},
    {STR_INIT("x-api-key"), FIELD_CREDENTIAL},
    {STR_INIT("x-real-ip"), FIELD_NOT_UP},
    {STR_INIT("connection"), HOP_BY_HOP},
    {STR_INIT("request-id"), FIELD_NOT_UP | FIELD_REQUEST_ID},
    {STR_INIT("keep-alive"), HOP_BY_HOP},
    {STR_INIT("set-cookie"), FIELD_NOT_DOWN},
    {STR_INIT("grpc-timeout"), FIELD_DEADLINE | FIELD_VENDOR},
    {STR_INIT("x-request-id"), FIELD_NOT_UP | FIELD_REQUEST_ID},
    {STR_INIT("authorization"), FIELD_CREDENTIAL},
    {STR_INIT("server-timing"), FIELD_NOT_DOWN},
    {STR_INIT("content-length"), HOP_BY_HOP},
    {STR_INIT("accept-encoding"), FIELD_ENCODING},
    {STR_INIT("x-forwarded-for"), FIELD_NOT_UP},
    {STR_INIT("proxy-connection"), HOP_BY_HOP},
    {STR_INIT("x-server-timeout"), FIELD_DEADLINE},
    {STR_INIT("x-forwarded-host"), FIELD_NOT_UP},
    {STR_INIT("transfer-encoding"), HOP_BY_HOP},
    {STR_INIT("x-accel-buffering"), FIELD_NOT_DOWN},
    {STR_INIT("x-forwarded-proto"), FIELD_NOT_UP},
    {STR_INIT("x-stainless-timeout"), FIELD_DEADLINE},
    {STR_INIT("proxy-authorization"), HOP_BY_HOP},
    {STR_INIT("x-stainless-read-timeout"), FIELD_DEADLINE},
    {STR_INIT("strict-transport-security"), FIELD_NOT_DOWN},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), LENGTH_MAX = 25 };

// Where the rows of a length begin; those of the next length begin where they end.
static const uint8_t starts[LENGTH_MAX + 2] = {
    [0] = 0,   [1] = 0,   [2] = 0,   [3] = 1,   [4] = 1,   [5] = 2,     [6] = 2,
    [7] = 3,   [8] = 6,   [9] = 6,   [10] = 9,  [11] = 13, [12] = 13,   [13] = 15,
    [14] = 17, [15] = 18, [16] = 20, [17] = 23, [18] = 26, [19] = 26,   [20] = 28,
    [21] = 28, [22] = 28, [23] = 28, [24] = 28, [25] = 29, [26] = ROWS,
};

static bool begins(str name, str prefix)
{
    return name.len > prefix.len && str_eq_nocase(str_sub(name, 0, prefix.len), prefix);
}

// By the beginning of the name. FIELD_VENDOR is what a vendor's API reads, what its SDK says of
// itself, and what is of a call over gRPC.
static unsigned rules_of_kind(str name, char first)
{
    switch (first) {
    case 'a': return begins(name, STR("anthropic-")) ? FIELD_VENDOR : 0;
    case 'c': return begins(name, STR("content-")) ? FIELD_CONTENT : 0;
    case 'g': return begins(name, STR("grpc-")) ? FIELD_VENDOR : 0;
    case 'o': return begins(name, STR("openai-")) ? FIELD_VENDOR : 0;
    case 'x':
        if (begins(name, STR("x-sluice-"))) return HOP_BY_HOP;
        return begins(name, STR("x-stainless-")) ? FIELD_VENDOR : 0;
    default: return 0;
    }
}

unsigned field_rules_of(str name)
{
    char first = name.len ? (char)(name.ptr[0] | 0x20) : '\0'; // of a letter, in lower case

    if (name.len <= LENGTH_MAX) {
        for (size_t i = starts[name.len]; i < starts[name.len + 1]; i++) {
            if (rows[i].name.ptr[0] == first && str_eq_nocase(rows[i].name, name))
                return rows[i].rules;
        }
    }
    return rules_of_kind(name, first);
}

size_t field_rules_count(void)
{
    return ROWS;
}

str field_rules_name(size_t row)
{
    return rows[row].name;
}
