// known_text: the well-known messages that JSON has as text: Timestamp, Duration, FieldMask.
//
// Times are as protobuf_time.h says; a mask is its paths in lowerCamelCase with commas between.
// Pure: no allocation but in the arena and what is written to.
#pragma once

#include "codec/protobuf_write.h"
#include "grpc/descriptor.h"

bool known_text_has(enum descriptor_well_known kind);

// Writes the fields of the message that the text is. ERR_SYNTAX: it is none. ERR_RANGE: a time that
// the message may not hold.
err known_text_read(enum descriptor_well_known kind, str text, struct protobuf_writer *w);

// The text of a message, in the arena. ERR_SYNTAX: the bytes are no message. ERR_RANGE: what it
// holds has no text.
err known_text_write(enum descriptor_well_known kind, str bytes, struct arena *arena, str *out);
