// sluice: our own dialect, which is spoken over gRPC: proto/sluice/v1/chat.proto.
//
// The functions behind dialect_sluice (dialect.h), by file. A request and a whole answer are one
// message of protobuf; each event of a stream is a ChatEvent in the frame that gRPC puts around it
// (codec/grpc_frame.h). Errors are statuses of gRPC and no part of a stream, so its writer has
// nothing to write for one. Pure.
#pragma once

#include "provider/dialect.h"

// sluice_read.c
err sluice_read_request(str body, struct arena *a, struct chat_request *out, struct chat_notes *n);
// sluice_write.c
err sluice_write_request(const struct chat_request *q, struct gather *out, struct chat_notes *n);
// sluice_answer.c
err sluice_answer_read(str body, struct arena *a, struct chat_answer *out);
err sluice_answer_write(const struct chat_answer *answer, const struct chat_reply *r,
                        struct gather *out);
// A CountTokensResponse.
err sluice_answer_read_count(str body, uint64_t *tokens);
err sluice_answer_write_count(uint64_t tokens, struct buf *out);
// sluice_events.c
struct chat_reader *sluice_events_reader_new(struct arena *a);
struct chat_writer *sluice_events_writer_new(struct arena *a, const struct chat_reply *r);
