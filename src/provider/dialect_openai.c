// OpenAI's chats as a dialect.

#include "provider/dialect.h"
#include "provider/openai_answer.h"
#include "provider/openai_chat.h"
#include "provider/openai_embedding.h"
#include "provider/openai_error.h"
#include "provider/openai_events.h"

const struct dialect dialect_openai = {
    .name = STR_INIT("openai"),
    .content_type = STR_INIT("application/json"),
    .chat_path = STR_INIT("/chat/completions"),
    .read_request = openai_chat_read,
    .write_request = openai_chat_write,
    .read_answer = openai_answer_read,
    .write_answer = openai_answer_write,
    .read_error = openai_error_read,
    .write_error = openai_error_write,
    .status = openai_error_status,
    .embed_path = STR_INIT("/embeddings"),
    .read_embedding = openai_embedding_read,
    .write_embedding = openai_embedding_write,
    .read_vectors = openai_embedding_read_answer,
    .write_vectors = openai_embedding_write_answer,
    .reader_new = openai_events_read_new,
    .writer_new = openai_events_write_new,
};
