// sluice_parts: the parts of a message in our own dialect, read and written. Private to its files.
#pragma once

#include "codec/protobuf_write.h"
#include "provider/sluice_wire.h"

// The field `number` of a message, all of which are parts.
err sluice_parts_read(struct sluice_reading *r, str message, uint32_t number,
                      struct chat_message *out);

// The parts as fields `number` of the message under way; `a` is for texts that must be decoded.
// ERR_UNSUPPORTED where media of a JSON dialect is no base64; the writer keeps other failures.
err sluice_parts_write(struct protobuf_writer *w, uint32_t number, const struct chat_part *parts,
                       size_t count, struct arena *a);
// A text as a field; nothing where it is not given or empty.
void sluice_parts_write_text(struct protobuf_writer *w, uint32_t number, struct chat_text t,
                             struct arena *a);
