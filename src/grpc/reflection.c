#include "grpc/reflection.h"

#include "codec/protobuf_write.h"
#include "grpc/status.h"

// Field numbers of ServerReflectionRequest, by what is asked.
enum question {
    NOTHING = 0,
    HOST = 1, // no question, but beside them
    FILE_BY_FILENAME = 3,
    FILE_CONTAINING_SYMBOL = 4,
    FILE_CONTAINING_EXTENSION = 5,
    ALL_EXTENSION_NUMBERS_OF_TYPE = 6,
    LIST_SERVICES = 7,
};

// Of ServerReflectionResponse, and of what its oneof holds.
enum {
    VALID_HOST = 1,
    ORIGINAL_REQUEST = 2,
    FILE_RESPONSE = 4,
    EXTENSIONS_RESPONSE = 5,
    SERVICES_RESPONSE = 6,
    ERROR_RESPONSE = 7,

    FILE_BYTES = 1,
    BASE_TYPE_NAME = 1,
    EXTENSION_NUMBERS = 2,
    SERVICE = 1,
    SERVICE_NAME = 1,
    ERROR_CODE = 1,
    ERROR_MESSAGE = 2,

    CONTAINING_TYPE = 1, // of ExtensionRequest
    EXTENSION_NUMBER = 2,
};

struct request {
    str host;
    enum question question;
    str text; // a name, or an ExtensionRequest
    str extendee;
    uint64_t number;
};

static err read_extension(str bytes, struct request *q)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    err e = OK;

    q->extendee = STR("");
    q->number = 0;
    protobuf_reader_init(&r, bytes);
    while (!(e = protobuf_next(&r, &f))) {
        if (f.number == CONTAINING_TYPE && f.wire == PROTOBUF_BYTES) q->extendee = f.bytes;
        if (f.number == EXTENSION_NUMBER && f.wire == PROTOBUF_VARINT) q->number = f.value;
    }
    return e == ERR_EOF ? OK : ERR_SYNTAX;
}

// Of several questions the last counts, as in any oneof.
static err read_request(str bytes, struct request *out)
{
    struct request q = {.question = NOTHING};
    struct protobuf_reader r;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&r, bytes);
    while (!(e = protobuf_next(&r, &f))) {
        if (f.wire != PROTOBUF_BYTES) continue;
        if (f.number == HOST) q.host = f.bytes;
        if (f.number < FILE_BY_FILENAME || f.number > LIST_SERVICES) continue;
        q.question = (enum question)f.number;
        q.text = f.bytes;
    }
    if (e != ERR_EOF) return ERR_SYNTAX;
    if (q.question == FILE_CONTAINING_EXTENSION) TRY(read_extension(q.text, &q));
    *out = q;
    return OK;
}

static void write_error(struct protobuf_writer *w, enum status_code code, str message)
{
    size_t mark = protobuf_write_open(w, ERROR_RESPONSE);

    protobuf_write_varint(w, ERROR_CODE, code);
    protobuf_write_bytes(w, ERROR_MESSAGE, message);
    protobuf_write_close(w, mark);
}

// The file and all that it imports, each once.
static void write_files(struct protobuf_writer *w, const struct descriptor_pool *p,
                        const struct descriptor_file *file, struct arena *arena)
{
    const struct descriptor_file **files =
        arena_array(arena, const struct descriptor_file *, p->file_count);
    bool *is_listed = arena_array(arena, bool, p->file_count);
    size_t count = 0;

    files[count++] = file;
    is_listed[file - p->files] = true;
    size_t mark = protobuf_write_open(w, FILE_RESPONSE);
    for (size_t i = 0; i < count; i++) {
        protobuf_write_bytes(w, FILE_BYTES, files[i]->bytes);
        for (size_t k = 0; k < files[i]->import_count; k++) {
            const struct descriptor_file *import = files[i]->imports[k];
            if (is_listed[import - p->files]) continue;
            is_listed[import - p->files] = true;
            files[count++] = import;
        }
    }
    protobuf_write_close(w, mark);
}

static const struct descriptor_file *find_extension(const struct descriptor_pool *p,
                                                    const struct request *q)
{
    for (size_t i = 0; i < p->extension_count; i++) {
        const struct descriptor_extension *x = &p->extensions[i];
        if (x->number == q->number && str_eq(x->extendee, q->extendee)) return x->file;
    }
    return NULL;
}

static const struct descriptor_file *find_file(const struct descriptor_pool *p,
                                               const struct request *q)
{
    if (q->question == FILE_BY_FILENAME) return descriptor_find_file(p, q->text);
    if (q->question == FILE_CONTAINING_SYMBOL) return descriptor_find_symbol_file(p, q->text);
    return find_extension(p, q);
}

static void answer_file(const struct reflection *r, const struct request *q, struct arena *arena,
                        struct protobuf_writer *w)
{
    for (size_t i = 0; i < r->pool_count; i++) {
        const struct descriptor_file *file = find_file(r->pools[i], q);
        if (!file) continue;
        write_files(w, r->pools[i], file, arena);
        return;
    }
    write_error(w, STATUS_NOT_FOUND, STR("no file has that"));
}

static void answer_extensions(const struct reflection *r, const struct request *q,
                              struct protobuf_writer *w)
{
    const struct descriptor_pool *p = NULL;

    for (size_t i = 0; i < r->pool_count && !p; i++) {
        if (descriptor_find_message(r->pools[i], q->text)) p = r->pools[i];
    }
    if (!p) {
        write_error(w, STATUS_NOT_FOUND, STR("there is no such message"));
        return;
    }
    size_t mark = protobuf_write_open(w, EXTENSIONS_RESPONSE);
    protobuf_write_bytes(w, BASE_TYPE_NAME, q->text);
    for (size_t i = 0; i < p->extension_count; i++) {
        if (str_eq(p->extensions[i].extendee, q->text))
            protobuf_write_varint(w, EXTENSION_NUMBERS, p->extensions[i].number);
    }
    protobuf_write_close(w, mark);
}

// Whether a pool before the `end`th has that service too.
static bool is_known_before(const struct reflection *r, size_t end, str service)
{
    for (size_t i = 0; i < end; i++) {
        if (descriptor_find_service(r->pools[i], service)) return true;
    }
    return false;
}

static void answer_services(const struct reflection *r, struct protobuf_writer *w)
{
    size_t mark = protobuf_write_open(w, SERVICES_RESPONSE);

    for (size_t i = 0; i < r->pool_count; i++) {
        for (size_t k = 0; k < r->pools[i]->service_count; k++) {
            str name = r->pools[i]->services[k].name;
            if (is_known_before(r, i, name)) continue;
            size_t service = protobuf_write_open(w, SERVICE);
            protobuf_write_bytes(w, SERVICE_NAME, name);
            protobuf_write_close(w, service);
        }
    }
    protobuf_write_close(w, mark);
}

err reflection_answer(const struct reflection *r, str request, struct arena *arena, struct buf *out)
{
    struct request q;
    struct protobuf_writer w;

    TRY(read_request(request, &q));
    protobuf_write_init(&w, out);
    if (q.host.len) protobuf_write_bytes(&w, VALID_HOST, q.host);
    protobuf_write_bytes(&w, ORIGINAL_REQUEST, request);
    switch (q.question) {
    case FILE_BY_FILENAME:
    case FILE_CONTAINING_SYMBOL:
    case FILE_CONTAINING_EXTENSION: answer_file(r, &q, arena, &w); break;
    case ALL_EXTENSION_NUMBERS_OF_TYPE: answer_extensions(r, &q, &w); break;
    case LIST_SERVICES: answer_services(r, &w); break;
    case HOST:
    case NOTHING:
        write_error(&w, STATUS_INVALID_ARGUMENT, STR("the request asks for nothing"));
        break;
    }
    return w.error;
}
