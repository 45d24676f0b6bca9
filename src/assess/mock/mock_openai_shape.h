// mock_openai_shape: what members a chat request to OpenAI has.
//
// Tables for mock_shape.h.
#pragma once

#include "assess/mock/mock_shape.h"

extern const struct mock_shape mock_openai_shape_chat;
