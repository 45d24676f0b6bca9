// sluice_wire: what the files that read our own dialect share. Private to them.
#pragma once

#include "codec/protobuf.h"
#include "provider/chat.h"

// A message being read.
struct sluice_reading {
    struct arena *arena;
    struct chat_notes *notes;
    size_t part_count; // so far
};

// Notes what is wrong; returns ERR_TYPE.
err sluice_wire_refuse(struct sluice_reading *r, str problem, str param);
// How often a field with a length stands in a message; ERR_SYNTAX where that is broken.
err sluice_wire_count(str message, uint32_t number, size_t *out);
// The text of a field. ERR_TYPE where it is none, or not valid UTF-8.
err sluice_wire_text(struct sluice_reading *r, const struct protobuf_field *f,
                     struct chat_text *out);
// Numbers as texts, the first of them from the bits of a double. ERR_TYPE where that is not finite,
// for which JSON has no words.
err sluice_wire_double(struct sluice_reading *r, uint64_t bits, str *out);
str sluice_wire_number(struct sluice_reading *r, uint64_t value);
