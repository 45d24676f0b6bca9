// Anthropic's messages as a dialect.
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_error.h"

const struct dialect dialect_anthropic = {
    .name = STR_INIT("anthropic"),
    .content_type = STR_INIT("application/json"),
    .chat_path = STR_INIT("/messages"),
    .read_request = anthropic_read_request,
    .write_request = anthropic_write_request,
    .read_answer = anthropic_answer_read,
    .write_answer = anthropic_answer_write,
    .read_error = anthropic_error_read,
    .write_error = anthropic_error_write,
    .status = anthropic_error_status,
    .count_path = STR_INIT("/messages/count_tokens"),
    .read_count = anthropic_read_count_request,
    .write_count = anthropic_write_count_request,
    .read_counted = anthropic_answer_read_count,
    .write_counted = anthropic_answer_write_count,
    .reader_new = anthropic_event_reader_new,
    .writer_new = anthropic_event_writer_new,
};
