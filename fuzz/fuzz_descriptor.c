// Any bytes as a descriptor set: findings, or a pool in which every name leads to what it names.
#include "grpc/descriptor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_message(const struct descriptor_pool *p, const struct descriptor_message *m)
{
    must(descriptor_find_message(p, m->name) == m);
    must(descriptor_find_symbol_file(p, m->name) == m->file);
    for (size_t i = 0; i < m->field_count; i++) {
        const struct descriptor_field *f = &m->fields[i];
        must(f->owner == m && f->index == i);
        must(descriptor_field_by_number(m, f->number) == f);
        must(descriptor_field_by_name(m, f->json_name) != NULL);
        must(!f->is_map || (f->message->is_map_entry && f->message->field_count == 2));
        must((f->type == DESCRIPTOR_ENUM) == (f->enumeration != NULL));
        must((f->type == DESCRIPTOR_MESSAGE || f->type == DESCRIPTOR_GROUP) ==
             (f->message != NULL));
        must(!f->oneof || (f->oneof >= m->oneofs && f->oneof < m->oneofs + m->oneof_count));
        must(!f->is_packed || f->is_repeated);
    }
}

static void check_service(const struct descriptor_pool *p, const struct descriptor_service *s)
{
    must(descriptor_find_service(p, s->name) == s);
    for (size_t i = 0; i < s->method_count; i++) {
        const struct descriptor_method *m = &s->methods[i];
        must(m->service == s && m->input && m->output);
        for (size_t k = 0; k < m->rule_count; k++) {
            must(m->rules[k].verb.len && m->rules[k].path.len);
        }
    }
}

static void check_pool(const struct descriptor_pool *p)
{
    for (size_t i = 0; i < p->message_count; i++) {
        check_message(p, &p->messages[i]);
    }
    for (size_t i = 0; i < p->service_count; i++) {
        check_service(p, &p->services[i]);
    }
    for (size_t i = 0; i < p->enum_count; i++) {
        const struct descriptor_enum *e = &p->enums[i];
        must(descriptor_find_enum(p, e->name) == e && e->value_count > 0);
        for (size_t k = 0; k < e->value_count; k++) {
            must(descriptor_value_by_name(e, e->values[k].name) == &e->values[k]);
            must(descriptor_value_by_number(e, e->values[k].number)->number == e->values[k].number);
        }
    }
    for (size_t i = 0; i < p->file_count; i++) {
        must(descriptor_find_file(p, p->files[i].name) == &p->files[i]);
        for (size_t k = 0; k < p->files[i].import_count; k++) {
            must(p->files[i].imports[k] != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct descriptor_pool *pool = NULL;
    struct arena arena;
    struct diag d;

    arena_init(&arena, 4096);
    diag_init(&d);
    err e = descriptor_read((str){.ptr = (const char *)bytes, .len = len}, &arena, &d, &pool);
    must((e == OK) == (d.count == 0) && (e == OK) == (pool != NULL));
    if (pool) check_pool(pool);
    diag_done(&d);
    arena_reset(&arena);
    return 0;
}
