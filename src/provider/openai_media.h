// openai_media: images, sounds and files as OpenAI's chats have them.
//
// A data URL (RFC 2397) is split into its media type and its base64 digits, both slices of the
// string as it was escaped, so that nothing is copied however large it is; another URL stays one.
// Pure.
#pragma once

#include "provider/chat_walk.h"

// The value of an "image_url", an "input_audio" or a "file", which comes next.
err openai_media_read_image(struct chat_walk *w, struct chat_media *out);
err openai_media_read_audio(struct chat_walk *w, struct chat_media *out);
err openai_media_read_file(struct chat_walk *w, struct chat_media *out);

// Splits what is a data URL; another URL is left as it is.
struct chat_media openai_media_of_url(struct chat_text url, struct arena *a);

// Writes an IMAGE, AUDIO or FILE as a part of a content. ERR_UNSUPPORTED: `*problem` says why it
// can't be.
err openai_media_write(struct json_writer *w, struct gather *g, const struct chat_part *part,
                       str *problem);
