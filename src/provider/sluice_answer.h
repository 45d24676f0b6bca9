// sluice_answer: what answers and the events of streams share in our own dialect. Private to its
// files.
#pragma once

#include "codec/protobuf_write.h"
#include "provider/chat.h"

void sluice_answer_write_usage(struct protobuf_writer *w, uint32_t number,
                               const struct token_usage *u);
// ERR_SYNTAX where it is broken.
err sluice_answer_read_usage(str message, struct token_usage *out);

// The FinishReason that says it, and the way back.
uint64_t sluice_answer_reason(enum chat_finish finish);
enum chat_finish sluice_answer_finish(uint64_t reason);
