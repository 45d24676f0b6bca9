// Errors over gRPC are statuses: what is read here is the message of one, and what is written is
// JSON, as google.rpc.Status has it over the REST that is made of it.
#include "codec/json.h"
#include "codec/json_write.h"
#include "provider/sluice.h"
#include "provider/sluice_embedding.h"

static err write_error(const struct chat_error *e, struct buf *out)
{
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("message"));
    json_write_str(&w, e->message);
    json_write_object_end(&w);
    return w.error;
}

static void read_error(unsigned status, str body, struct arena *a, struct chat_error *out)
{
    (void)a;
    *out = (struct chat_error){.status = status, .message = body};
}

static unsigned same_status(unsigned status)
{
    return status;
}

const struct dialect dialect_sluice = {
    .name = STR_INIT("sluice"),
    .content_type = STR_INIT("application/grpc"),
    .chat_path = STR_INIT("/sluice.v1.Chat/Stream"),
    .whole_path = STR_INIT("/sluice.v1.Chat/Complete"),
    .is_grpc = true,
    .read_request = sluice_read_request,
    .write_request = sluice_write_request,
    .read_answer = sluice_answer_read,
    .write_answer = sluice_answer_write,
    .read_error = read_error,
    .write_error = write_error,
    .status = same_status,
    .count_path = STR_INIT("/sluice.v1.Chat/CountTokens"),
    .read_count = sluice_read_request,
    .write_count = sluice_write_request,
    .read_counted = sluice_answer_read_count,
    .write_counted = sluice_answer_write_count,
    .embed_path = STR_INIT("/sluice.v1.Embeddings/Embed"),
    .read_embedding = sluice_embedding_read,
    .write_embedding = sluice_embedding_write,
    .read_vectors = sluice_embedding_read_answer,
    .write_vectors = sluice_embedding_write_answer,
    .reader_new = sluice_events_reader_new,
    .writer_new = sluice_events_writer_new,
};
