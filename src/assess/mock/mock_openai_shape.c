// Design: tables from the API's reference, leaf shapes first. What no table can say, such as an
// order of messages, is in mock_openai_check.c.
#include "assess/mock/mock_openai_shape.h"

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
#define TYPE_FIELD                                                                                 \
    {                                                                                              \
        .name = STR_INIT("type"), .kinds = STRING, .is_required = true                             \
    }
#define NAME_FIELD                                                                                 \
    {                                                                                              \
        .name = STR_INIT("name"), .kinds = STRING                                                  \
    }
#define ROLE_FIELD                                                                                 \
    {                                                                                              \
        .name = STR_INIT("role"), .kinds = STRING, .is_required = true                             \
    }

static const struct mock_shape_field text_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("text"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape text_part = SHAPE(text_fields);
static const str details[] = {STR_INIT("auto"), STR_INIT("low"), STR_INIT("high"), STR_INIT("")};
static const struct mock_shape_field url_fields[] = {
    {.name = STR_INIT("url"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("detail"), .kinds = STRING, .words = details},
};
static const struct mock_shape url = SHAPE(url_fields);
static const struct mock_shape_field image_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("image_url"), .kinds = OBJECT, .is_required = true, .inner = &url},
};
static const struct mock_shape image_part = SHAPE(image_fields);
static const struct mock_shape_field audio_data_fields[] = {
    {.name = STR_INIT("data"), .kinds = STRING, .is_required = true},
    {.name = STR_INIT("format"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape audio_data = SHAPE(audio_data_fields);
static const struct mock_shape_field audio_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("input_audio"), .kinds = OBJECT, .is_required = true, .inner = &audio_data},
};
static const struct mock_shape audio_part = SHAPE(audio_fields);
static const struct mock_shape_field file_data_fields[] = {
    {.name = STR_INIT("file_data"), .kinds = STRING},
    {.name = STR_INIT("filename"), .kinds = STRING},
    {.name = STR_INIT("file_id"), .kinds = STRING},
};
static const struct mock_shape file_data = SHAPE(file_data_fields);
static const struct mock_shape_field file_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("file"), .kinds = OBJECT, .is_required = true, .inner = &file_data},
};
static const struct mock_shape file_part = SHAPE(file_fields);
static const struct mock_shape_field refusal_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("refusal"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape refusal_part = SHAPE(refusal_fields);

static const struct mock_shape_variant texts[] = {{STR_INIT("text"), &text_part},
                                                  {STR_INIT(""), NULL}};
static const struct mock_shape text_only = {.tag = STR_INIT("type"), .variants = texts};
static const struct mock_shape_variant user_parts[] = {
    {STR_INIT("text"), &text_part},
    {STR_INIT("image_url"), &image_part},
    {STR_INIT("input_audio"), &audio_part},
    {STR_INIT("file"), &file_part},
    {STR_INIT(""), NULL},
};
static const struct mock_shape user_part = {.tag = STR_INIT("type"), .variants = user_parts};
static const struct mock_shape_variant assistant_parts[] = {
    {STR_INIT("text"), &text_part}, {STR_INIT("refusal"), &refusal_part}, {STR_INIT(""), NULL}};
static const struct mock_shape assistant_part = {.tag = STR_INIT("type"),
                                                 .variants = assistant_parts};

static const struct mock_shape_field call_function_fields[] = {
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("arguments"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape call_function = SHAPE(call_function_fields);
static const str function_word[] = {STR_INIT("function"), STR_INIT("")};
static const struct mock_shape_field call_fields[] = {
    {.name = STR_INIT("id"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("type"), .kinds = STRING, .is_required = true, .words = function_word},
    {.name = STR_INIT("function"), .kinds = OBJECT, .is_required = true, .inner = &call_function},
};
static const struct mock_shape call = SHAPE(call_fields);

static const struct mock_shape_field system_fields[] = {
    ROLE_FIELD,
    NAME_FIELD,
    {.name = STR_INIT("content"),
     .kinds = STRING | ARRAY,
     .elements = OBJECT,
     .is_required = true,
     .inner = &text_only},
};
static const struct mock_shape system_message = SHAPE(system_fields);
static const struct mock_shape_field user_fields[] = {
    ROLE_FIELD,
    NAME_FIELD,
    {.name = STR_INIT("content"),
     .kinds = STRING | ARRAY,
     .elements = OBJECT,
     .is_required = true,
     .inner = &user_part},
};
static const struct mock_shape user_message = SHAPE(user_fields);
// What OpenAI says may be brought back as it was, its annotations and nulls included.
static const struct mock_shape_field assistant_fields[] = {
    ROLE_FIELD,
    NAME_FIELD,
    {.name = STR_INIT("content"),
     .kinds = STRING | ARRAY | MAYBE,
     .elements = OBJECT,
     .inner = &assistant_part},
    {.name = STR_INIT("refusal"), .kinds = STRING | MAYBE},
    {.name = STR_INIT("audio"), .kinds = OBJECT | MAYBE},
    {.name = STR_INIT("annotations"), .kinds = ARRAY | MAYBE},
    {.name = STR_INIT("function_call"), .kinds = OBJECT | MAYBE, .inner = &call_function},
    {.name = STR_INIT("tool_calls"),
     .kinds = ARRAY | MAYBE,
     .elements = OBJECT,
     .is_filled = true,
     .inner = &call},
};
static const struct mock_shape assistant_message = SHAPE(assistant_fields);
static const struct mock_shape_field tool_fields[] = {
    ROLE_FIELD,
    {.name = STR_INIT("content"),
     .kinds = STRING | ARRAY,
     .elements = OBJECT,
     .is_required = true,
     .inner = &text_only},
    {.name = STR_INIT("tool_call_id"), .kinds = STRING, .is_required = true},
};
static const struct mock_shape tool_message = SHAPE(tool_fields);
static const struct mock_shape_variant roles[] = {
    {STR_INIT("system"), &system_message}, {STR_INIT("developer"), &system_message},
    {STR_INIT("user"), &user_message},     {STR_INIT("assistant"), &assistant_message},
    {STR_INIT("tool"), &tool_message},     {STR_INIT(""), NULL},
};
static const struct mock_shape message = {.tag = STR_INIT("role"), .variants = roles};

static const struct mock_shape_field function_fields[] = {
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("description"), .kinds = STRING},
    {.name = STR_INIT("parameters"), .kinds = OBJECT},
    {.name = STR_INIT("strict"), .kinds = BOOL | MAYBE},
};
static const struct mock_shape function = SHAPE(function_fields);
static const struct mock_shape_field function_tool_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("function"), .kinds = OBJECT, .is_required = true, .inner = &function},
};
static const struct mock_shape function_tool = SHAPE(function_tool_fields);
static const struct mock_shape_field custom_tool_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("custom"), .kinds = OBJECT, .is_required = true},
};
static const struct mock_shape custom_tool = SHAPE(custom_tool_fields);
static const struct mock_shape_variant tools[] = {{STR_INIT("function"), &function_tool},
                                                  {STR_INIT("custom"), &custom_tool},
                                                  {STR_INIT(""), NULL}};
static const struct mock_shape tool = {.tag = STR_INIT("type"), .variants = tools};

static const struct mock_shape_field chosen_fields[] = {
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true, .is_filled = true},
};
static const struct mock_shape chosen = SHAPE(chosen_fields);
static const struct mock_shape_field one_choice_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("function"), .kinds = OBJECT, .is_required = true, .inner = &chosen},
};
static const struct mock_shape one_choice = SHAPE(one_choice_fields);
static const struct mock_shape_field custom_choice_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("custom"), .kinds = OBJECT, .is_required = true, .inner = &chosen},
};
static const struct mock_shape custom_choice = SHAPE(custom_choice_fields);
static const struct mock_shape_field allowed_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("allowed_tools"), .kinds = OBJECT, .is_required = true},
};
static const struct mock_shape allowed_choice = SHAPE(allowed_fields);
static const struct mock_shape_variant choices[] = {
    {STR_INIT("function"), &one_choice},
    {STR_INIT("custom"), &custom_choice},
    {STR_INIT("allowed_tools"), &allowed_choice},
    {STR_INIT(""), NULL},
};
static const struct mock_shape choice = {.tag = STR_INIT("type"), .variants = choices};

static const struct mock_shape_field schema_fields[] = {
    {.name = STR_INIT("name"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("description"), .kinds = STRING},
    {.name = STR_INIT("schema"), .kinds = OBJECT},
    {.name = STR_INIT("strict"), .kinds = BOOL | MAYBE},
};
static const struct mock_shape schema = SHAPE(schema_fields);
static const struct mock_shape_field schema_format_fields[] = {
    TYPE_FIELD,
    {.name = STR_INIT("json_schema"), .kinds = OBJECT, .is_required = true, .inner = &schema},
};
static const struct mock_shape schema_format = SHAPE(schema_format_fields);
static const struct mock_shape_field only_type_fields[] = {TYPE_FIELD};
static const struct mock_shape only_type = SHAPE(only_type_fields);
static const struct mock_shape_variant formats[] = {{STR_INIT("text"), &only_type},
                                                    {STR_INIT("json_object"), &only_type},
                                                    {STR_INIT("json_schema"), &schema_format},
                                                    {STR_INIT(""), NULL}};
static const struct mock_shape format = {.tag = STR_INIT("type"), .variants = formats};

static const struct mock_shape_field stream_option_fields[] = {
    {.name = STR_INIT("include_usage"), .kinds = BOOL},
    {.name = STR_INIT("include_obfuscation"), .kinds = BOOL},
};
static const struct mock_shape stream_options = SHAPE(stream_option_fields);

static const str efforts[] = {STR_INIT("none"),   STR_INIT("minimal"), STR_INIT("low"),
                              STR_INIT("medium"), STR_INIT("high"),    STR_INIT("xhigh"),
                              STR_INIT("")};
static const str verbosities[] = {STR_INIT("low"), STR_INIT("medium"), STR_INIT("high"),
                                  STR_INIT("")};
static const str tiers[] = {STR_INIT("auto"),  STR_INIT("default"),  STR_INIT("flex"),
                            STR_INIT("scale"), STR_INIT("priority"), STR_INIT("")};
static const str choice_words[] = {STR_INIT("none"), STR_INIT("auto"), STR_INIT("required"),
                                   STR_INIT("")};

#define BOUNDED(name_, kinds_, min_, max_)                                                         \
    {                                                                                              \
        .name = STR_INIT(name_), .kinds = (kinds_) | MAYBE, .is_bounded = true, .min = (min_),     \
        .max = (max_)                                                                              \
    }

static const struct mock_shape_field chat_fields[] = {
    {.name = STR_INIT("model"), .kinds = STRING, .is_required = true, .is_filled = true},
    {.name = STR_INIT("messages"),
     .kinds = ARRAY,
     .elements = OBJECT,
     .is_required = true,
     .is_filled = true,
     .inner = &message},
    BOUNDED("temperature", NUMBER, 0, 2),
    BOUNDED("top_p", NUMBER, 0, 1),
    BOUNDED("frequency_penalty", NUMBER, -2, 2),
    BOUNDED("presence_penalty", NUMBER, -2, 2),
    BOUNDED("max_tokens", INTEGER, 1, 1e9),
    BOUNDED("max_completion_tokens", INTEGER, 1, 1e9),
    BOUNDED("n", INTEGER, 1, 128),
    BOUNDED("top_logprobs", INTEGER, 0, 20),
    {.name = STR_INIT("seed"), .kinds = INTEGER | MAYBE},
    {.name = STR_INIT("logprobs"), .kinds = BOOL | MAYBE},
    {.name = STR_INIT("logit_bias"), .kinds = OBJECT | MAYBE},
    {.name = STR_INIT("stop"), .kinds = STRING | ARRAY | MAYBE, .elements = STRING},
    {.name = STR_INIT("stream"), .kinds = BOOL | MAYBE},
    {.name = STR_INIT("stream_options"), .kinds = OBJECT | MAYBE, .inner = &stream_options},
    {.name = STR_INIT("tools"),
     .kinds = ARRAY,
     .elements = OBJECT,
     .is_filled = true,
     .inner = &tool},
    {.name = STR_INIT("tool_choice"),
     .kinds = STRING | OBJECT,
     .words = choice_words,
     .inner = &choice},
    {.name = STR_INIT("parallel_tool_calls"), .kinds = BOOL},
    {.name = STR_INIT("response_format"), .kinds = OBJECT, .inner = &format},
    {.name = STR_INIT("reasoning_effort"), .kinds = STRING | MAYBE, .words = efforts},
    {.name = STR_INIT("verbosity"), .kinds = STRING | MAYBE, .words = verbosities},
    {.name = STR_INIT("service_tier"), .kinds = STRING | MAYBE, .words = tiers},
    {.name = STR_INIT("modalities"), .kinds = ARRAY | MAYBE, .elements = STRING},
    {.name = STR_INIT("metadata"), .kinds = OBJECT | MAYBE},
    {.name = STR_INIT("audio"), .kinds = OBJECT | MAYBE},
    {.name = STR_INIT("prediction"), .kinds = OBJECT | MAYBE},
    {.name = STR_INIT("web_search_options"), .kinds = OBJECT},
    {.name = STR_INIT("store"), .kinds = BOOL | MAYBE},
    {.name = STR_INIT("user"), .kinds = STRING},
    {.name = STR_INIT("safety_identifier"), .kinds = STRING},
    {.name = STR_INIT("prompt_cache_key"), .kinds = STRING},
    {.name = STR_INIT("prompt_cache_retention"), .kinds = STRING | MAYBE},
};

const struct mock_shape mock_openai_shape_chat = SHAPE(chat_fields);
