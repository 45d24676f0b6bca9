// mock_media: what images and documents came with a request, in words.
//
// So a test can prove that their bytes have survived a way, whatever dialects they went through.
// Pure.
#pragma once

#include "assess/mock/mock_request.h"

// A line each, in the order in which they came, below a line that counts them:
//
//     images: 1, documents: 1
//     image image/png 68 bytes sha256 ...
//     document https://example.com/a.pdf
//
// The text lives in the arena.
str mock_media_describe(const struct mock_request *req, struct arena *arena);
