// Design: tables from the API's reference, leaf shapes first. What no table can say, such as an
// order of messages, is in mock_anthropic_check.c.
#include "assess/mock/mock_anthropic_shape.h"

enum {
    BOOL = MOCK_SHAPE_BOOL,
    INTEGER = MOCK_SHAPE_INTEGER,
    NUMBER = MOCK_SHAPE_NUMBER,
    STRING = MOCK_SHAPE_STRING,
    ARRAY = MOCK_SHAPE_ARRAY,
    OBJECT = MOCK_SHAPE_OBJECT,
    MAYBE = MOCK_SHAPE_NULL,
};

#define SHAPE(fields_)                                                                             \
    {                                                                                              \
        .fields = (fields_), .count = sizeof(fields_) / sizeof((fields_)[0])                       \
    }

static const str ephemeral[] = {STR_INIT("ephemeral"), STR_INIT("")};
static const str ttls[] = {STR_INIT("5m"), STR_INIT("1h"), STR_INIT("")};
static const struct mock_shape_field cache_control_fields[] = {
    {.name = STR_INIT("type"), .kinds = STRING, .is_required = true, .words = ephemeral},
    {.name = STR_INIT("ttl"), .kinds = STRING, .words = ttls},
};
static const struct mock_shape cache_control = SHAPE(cache_control_fields);

#define TYPE_FIELD                                                                                 \
    {                                                                                              \
        .name = STR_INIT("type"), .kinds = STRING, .is_required = true                             \
    }
#define CACHE_FIELD                                                                                \
    {                                                                                              \
        .name = STR_INIT("cache_control"), .kinds = OBJECT | MAYBE, .inner = &cache_control        \
    }

static const struct mock_shape_field base64_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("media_type"), .kinds = STRING, .is_required = true},
    {.name = STR_INIT("data"), .kinds = STRING, .is_required = true, .is_filled = true},
};
static const struct mock_shape base64_source = SHAPE(base64_fields);
static const struct mock_shape_field url_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("url"), .kinds = STRING, .is_required = true, .is_filled = true},
};
static const struct mock_shape url_source = SHAPE(url_fields);
static const struct mock_shape_field file_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("file_id"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape file_source = SHAPE(file_fields);
static const struct mock_shape_variant image_sources[] = {
    {STR_INIT("base64"), &base64_source},
    {STR_INIT("url"), &url_source},
    {STR_INIT("file"), &file_source},
    {STR_INIT(""), NULL},
};
static const struct mock_shape image_source = {.tag = STR_INIT("type"), .variants = image_sources};
static const struct mock_shape_variant document_sources[] = {
    {STR_INIT("base64"), &base64_source},
    {STR_INIT("text"), &base64_source},
    {STR_INIT("url"), &url_source},
    {STR_INIT("file"), &file_source},
    {STR_INIT(""), NULL},
};
static const struct mock_shape document_source = {.tag = STR_INIT("type"),
                                                  .variants = document_sources};

static const struct mock_shape_field text_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("text"), .kinds = STRING, .is_required = true},
    {.name = STR_INIT("citations"), .kinds = ARRAY | MAYBE},
    CACHE_FIELD,
};
static const struct mock_shape text_block = SHAPE(text_fields);
static const struct mock_shape_field image_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("source"), .kinds = OBJECT, .is_required = true, .inner = &image_source},
    CACHE_FIELD,
};
static const struct mock_shape image_block = SHAPE(image_fields);
static const struct mock_shape_field document_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("source"), .kinds = OBJECT, .is_required = true, .inner = &document_source},
    {.name = STR_INIT("title"), .kinds = STRING | MAYBE},
    {.name = STR_INIT("context"), .kinds = STRING | MAYBE},
    {.name = STR_INIT("citations"), .kinds = OBJECT | MAYBE},
    CACHE_FIELD,
};
static const struct mock_shape document_block = SHAPE(document_fields);
static const struct mock_shape_field tool_use_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("id"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("input"), .kinds = OBJECT, .is_required = true},
    CACHE_FIELD,
};
static const struct mock_shape tool_use_block = SHAPE(tool_use_fields);
static const struct mock_shape_field thinking_block_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("thinking"), .kinds = STRING, .is_required = true},
    {.name = STR_INIT("signature"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape thinking_block = SHAPE(thinking_block_fields);
static const struct mock_shape_field redacted_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("data"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape redacted_block = SHAPE(redacted_fields);

static const struct mock_shape_variant result_blocks[] = {
    {STR_INIT("text"), &text_block},
    {STR_INIT("image"), &image_block},
    {STR_INIT("document"), &document_block},
    {STR_INIT(""), NULL},
};
static const struct mock_shape result_block = {.tag = STR_INIT("type"), .variants = result_blocks};
static const struct mock_shape_field tool_result_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("tool_use_id"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("content"),
     .kinds = STRING | ARRAY,
     .elements = OBJECT,
     .inner = &result_block},
    {.name = STR_INIT("is_error"), .kinds = BOOL | MAYBE},
    CACHE_FIELD,
};
static const struct mock_shape tool_result_block = SHAPE(tool_result_fields);

static const struct mock_shape_variant user_blocks[] = {
    {STR_INIT("text"), &text_block},
    {STR_INIT("image"), &image_block},
    {STR_INIT("document"), &document_block},
    {STR_INIT("tool_result"), &tool_result_block},
    {STR_INIT(""), NULL},
};
static const struct mock_shape user_block = {.tag = STR_INIT("type"), .variants = user_blocks};
static const struct mock_shape_variant assistant_blocks[] = {
    {STR_INIT("text"), &text_block},
    {STR_INIT("tool_use"), &tool_use_block},
    {STR_INIT("thinking"), &thinking_block},
    {STR_INIT("redacted_thinking"), &redacted_block},
    {STR_INIT(""), NULL},
};
static const struct mock_shape assistant_block = {.tag = STR_INIT("type"),
                                                  .variants = assistant_blocks};
static const struct mock_shape_variant system_blocks[] = {{STR_INIT("text"), &text_block},
                                                          {STR_INIT(""), NULL}};
static const struct mock_shape system_block = {.tag = STR_INIT("type"), .variants = system_blocks};

#define MESSAGE_FIELDS(block_)                                                                     \
    {                                                                                              \
        {.name = STR_INIT("role"), .kinds = STRING, .is_required = true},                          \
            {.name = STR_INIT("content"),                                                          \
             .kinds = STRING | ARRAY,                                                              \
             .elements = OBJECT,                                                                   \
             .is_required = true,                                                                  \
             .inner = (block_)},                                                                   \
    }

static const struct mock_shape_field user_fields[] = MESSAGE_FIELDS(&user_block);
static const struct mock_shape user_message = SHAPE(user_fields);
static const struct mock_shape_field assistant_fields[] = MESSAGE_FIELDS(&assistant_block);
static const struct mock_shape assistant_message = SHAPE(assistant_fields);
static const struct mock_shape_field system_fields[] = MESSAGE_FIELDS(&system_block);
static const struct mock_shape system_message = SHAPE(system_fields);
static const struct mock_shape_variant roles[] = {
    {STR_INIT("user"), &user_message},
    {STR_INIT("assistant"), &assistant_message},
    {STR_INIT("system"), &system_message},
    {STR_INIT(""), NULL},
};
static const struct mock_shape message = {.tag = STR_INIT("role"), .variants = roles};

static const str object_word[] = {STR_INIT("object"), STR_INIT("")};
static const struct mock_shape_field schema_fields[] = {
    {.name = STR_INIT("type"), .kinds = STRING, .is_required = true, .words = object_word},
};
static const struct mock_shape schema = {.fields = schema_fields, .count = 1, .is_open = true};
static const str custom[] = {STR_INIT("custom"), STR_INIT("")};
static const struct mock_shape_field tool_fields[] = {
    {.name = STR_INIT("type"), .kinds = STRING | MAYBE, .words = custom},
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("description"), .kinds = STRING},
    {.name = STR_INIT("input_schema"), .kinds = OBJECT, .is_required = true, .inner = &schema},
    {.name = STR_INIT("strict"), .kinds = BOOL},
    {.name = STR_INIT("eager_input_streaming"), .kinds = BOOL | MAYBE},
    {.name = STR_INIT("defer_loading"), .kinds = BOOL},
    {.name = STR_INIT("input_examples"), .kinds = ARRAY},
    CACHE_FIELD,
};
static const struct mock_shape tool = SHAPE(tool_fields);

#define PARALLEL_FIELD                                                                             \
    {                                                                                              \
        .name = STR_INIT("disable_parallel_tool_use"), .kinds = BOOL                               \
    }

static const struct mock_shape_field free_choice_fields[] = {TYPE_FIELD, PARALLEL_FIELD};
static const struct mock_shape free_choice = SHAPE(free_choice_fields);
static const struct mock_shape_field tool_choice_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true},
    PARALLEL_FIELD,
};
static const struct mock_shape one_choice = SHAPE(tool_choice_fields);
static const struct mock_shape_field only_type_fields[] = {TYPE_FIELD};
static const struct mock_shape only_type = SHAPE(only_type_fields);
static const struct mock_shape_variant choices[] = {
    {STR_INIT("auto"), &free_choice},
    {STR_INIT("any"), &free_choice},
    {STR_INIT("tool"), &one_choice},
    {STR_INIT("none"), &only_type},
    {STR_INIT(""), NULL},
};
static const struct mock_shape tool_choice = {.tag = STR_INIT("type"), .variants = choices};

enum { THINKING_TOKENS_MIN = 1024 };

static const str displays[] = {STR_INIT("summarized"), STR_INIT("omitted"), STR_INIT("")};
static const struct mock_shape_field enabled_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("budget_tokens"),
     .kinds = INTEGER,
     .is_required = true,
     .is_bounded = true,
     .min = THINKING_TOKENS_MIN,
     .max = 1e9},
    {.name = STR_INIT("display"), .kinds = STRING | MAYBE, .words = displays},
};
static const struct mock_shape enabled = SHAPE(enabled_fields);
static const struct mock_shape_field adaptive_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("display"), .kinds = STRING | MAYBE, .words = displays},
};
static const struct mock_shape adaptive = SHAPE(adaptive_fields);
static const struct mock_shape_variant thinkings[] = {
    {STR_INIT("enabled"), &enabled},
    {STR_INIT("disabled"), &only_type},
    {STR_INIT("adaptive"), &adaptive},
    {STR_INIT(""), NULL},
};
static const struct mock_shape thinking = {.tag = STR_INIT("type"), .variants = thinkings};

static const struct mock_shape_field metadata_fields[] = {
    {.name = STR_INIT("user_id"), .kinds = STRING | MAYBE},
};
static const struct mock_shape metadata = SHAPE(metadata_fields);
static const str tiers[] = {STR_INIT("auto"), STR_INIT("standard_only"), STR_INIT("")};

// What messages and their counts have in common.
#define PROMPT_FIELDS                                                                              \
    {.name = STR_INIT("model"), .kinds = STRING, .is_required = true, .is_filled = true},          \
        {.name = STR_INIT("messages"),                                                             \
         .kinds = ARRAY,                                                                           \
         .elements = OBJECT,                                                                       \
         .is_required = true,                                                                      \
         .inner = &message},                                                                       \
        {.name = STR_INIT("system"),                                                               \
         .kinds = STRING | ARRAY,                                                                  \
         .elements = OBJECT,                                                                       \
         .inner = &system_block},                                                                  \
        {.name = STR_INIT("thinking"), .kinds = OBJECT, .inner = &thinking},                       \
        {.name = STR_INIT("tool_choice"), .kinds = OBJECT, .inner = &tool_choice},                 \
        {.name = STR_INIT("tools"), .kinds = ARRAY, .elements = OBJECT, .inner = &tool},           \
        {.name = STR_INIT("output_config"), .kinds = OBJECT},                                      \
        {.name = STR_INIT("context_management"), .kinds = OBJECT | MAYBE},                         \
        {.name = STR_INIT("mcp_servers"), .kinds = ARRAY}, CACHE_FIELD

static const struct mock_shape_field request_fields[] = {
    PROMPT_FIELDS,
    {.name = STR_INIT("max_tokens"),
     .kinds = INTEGER,
     .is_required = true,
     .is_bounded = true,
     .min = 1,
     .max = 1e9},
    {.name = STR_INIT("metadata"), .kinds = OBJECT, .inner = &metadata},
    {.name = STR_INIT("stop_sequences"), .kinds = ARRAY, .elements = STRING},
    {.name = STR_INIT("stream"), .kinds = BOOL},
    {.name = STR_INIT("temperature"), .kinds = NUMBER, .is_bounded = true, .min = 0, .max = 1},
    {.name = STR_INIT("top_k"), .kinds = INTEGER, .is_bounded = true, .min = 0, .max = 1e9},
    {.name = STR_INIT("top_p"), .kinds = NUMBER, .is_bounded = true, .min = 0, .max = 1},
    {.name = STR_INIT("service_tier"), .kinds = STRING, .words = tiers},
    {.name = STR_INIT("container"), .kinds = STRING | OBJECT | MAYBE},
    {.name = STR_INIT("inference_geo"), .kinds = STRING | MAYBE},
    {.name = STR_INIT("speed"), .kinds = STRING | MAYBE},
};

const struct mock_shape mock_anthropic_shape_request = SHAPE(request_fields);

static const struct mock_shape_field count_fields[] = {PROMPT_FIELDS};

const struct mock_shape mock_anthropic_shape_count = SHAPE(count_fields);
