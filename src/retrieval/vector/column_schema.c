#include "retrieval/vector/column_schema.h"

#include "codec/utf8.h"

#include <assert.h>

enum { VERSION = 1, HEAD_BYTES = 2, COLUMN_HEAD_BYTES = 3 };

const char *column_schema_type_name(enum column_type type)
{
    static const char *const names[COLUMN_TYPE_COUNT] = {"absent", "i64", "f64", "bool", "string"};

    return names[type];
}

void column_schema_init(struct column_schema *s)
{
    *s = (struct column_schema){0};
}

static bool is_word_of_filters(str name)
{
    return str_eq(name, STR("field")) || str_eq(name, STR("and")) || str_eq(name, STR("or")) ||
           str_eq(name, STR("not"));
}

static bool is_name(str name)
{
    if (name.len == 0 || name.len > COLUMN_NAME_MAX || !utf8_is_valid(name)) return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f) return false;
    }
    return !is_word_of_filters(name);
}

err column_schema_add(struct column_schema *s, str name, enum column_type type, unsigned flags)
{
    uint32_t same;
    uint64_t bit = UINT64_C(1) << s->count % COLUMN_SCHEMA_MAX;

    if (s->count == COLUMN_SCHEMA_MAX) return ERR_LIMIT;
    if (type <= COLUMN_ABSENT || type >= COLUMN_TYPE_COUNT) return ERR_TYPE;
    if (flags & ~(unsigned)COLUMN_FLAGS_ALL) return ERR_UNSUPPORTED;
    if (!is_name(name) || column_schema_find(s, name, &same)) return ERR_SYNTAX;
    struct column *c = &s->columns[s->count++];
    *c = (struct column){
        .type = (uint8_t)type, .flags = (uint8_t)flags, .name_len = (uint8_t)name.len};
    memcpy(c->name, name.ptr, name.len);
    if (type == COLUMN_I64 || type == COLUMN_F64) s->wide_mask |= bit;
    if (type == COLUMN_BOOL) s->bool_mask |= bit;
    if (type == COLUMN_STRING) s->string_mask |= bit;
    return OK;
}

str column_schema_name(const struct column_schema *s, uint32_t column)
{
    assert(column < s->count);
    return (str){s->columns[column].name, s->columns[column].name_len};
}

bool column_schema_find(const struct column_schema *s, str name, uint32_t *out)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!str_eq(column_schema_name(s, i), name)) continue;
        *out = i;
        return true;
    }
    return false;
}

err column_schema_write(const struct column_schema *s, struct buf *out)
{
    TRY(buf_append_char(out, VERSION));
    TRY(buf_append_char(out, (char)s->count));
    for (uint32_t i = 0; i < s->count; i++) {
        const struct column *c = &s->columns[i];
        TRY(buf_append_char(out, (char)c->type));
        TRY(buf_append_char(out, (char)c->flags));
        TRY(buf_append_char(out, (char)c->name_len));
        TRY(buf_append(out, column_schema_name(s, i)));
    }
    return OK;
}

// One column from the front of `*rest`.
static err read_column(str *rest, struct column_schema *s)
{
    if (rest->len < COLUMN_HEAD_BYTES) return ERR_DAMAGED;
    const unsigned char *head = (const unsigned char *)rest->ptr;
    str name = str_sub(*rest, COLUMN_HEAD_BYTES, head[2]);
    if (name.len != head[2]) return ERR_DAMAGED;
    if (column_schema_add(s, name, (enum column_type)head[0], head[1])) return ERR_DAMAGED;
    *rest = str_sub(*rest, COLUMN_HEAD_BYTES + name.len, rest->len);
    return OK;
}

err column_schema_read(str bytes, struct column_schema *out)
{
    struct column_schema s;

    if (bytes.len < HEAD_BYTES) return ERR_DAMAGED;
    if (bytes.ptr[0] != VERSION) return ERR_UNSUPPORTED;
    unsigned count = (unsigned char)bytes.ptr[1];
    str rest = str_sub(bytes, HEAD_BYTES, bytes.len);
    column_schema_init(&s);
    for (unsigned i = 0; i < count; i++) {
        TRY(read_column(&rest, &s));
    }
    if (rest.len) return ERR_DAMAGED;
    *out = s;
    return OK;
}
