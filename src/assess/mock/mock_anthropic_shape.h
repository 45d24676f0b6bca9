// mock_anthropic_shape: what members a request to Anthropic has.
//
// Tables for mock_shape.h. Tools and blocks that Anthropic runs itself, such as web search, are not
// in them: the mock has none.
#pragma once

#include "assess/mock/mock_shape.h"

extern const struct mock_shape mock_anthropic_shape_request;
// Of a request that only counts the tokens of a prompt.
extern const struct mock_shape mock_anthropic_shape_count;
