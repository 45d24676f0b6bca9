// mock_shape: whether a JSON text has the members that a vendor's API takes, and no others.
//
// A *shape* is a table of members; a shape with a *tag* is one of several, chosen by a member such
// as "type" or "role". Shapes are trees, so their depth is that of the tables and no peer's. The
// first mistake is a *finding* with its path, for the dialect to put into its vendor's words. Pure.
#pragma once

#include "base/arena.h"
#include "codec/json.h"

// Kinds of values, to be joined.
enum {
    MOCK_SHAPE_NULL = 1,
    MOCK_SHAPE_BOOL = 2,
    MOCK_SHAPE_INTEGER = 4,
    MOCK_SHAPE_NUMBER = 8, // takes whole ones too
    MOCK_SHAPE_STRING = 16,
    MOCK_SHAPE_ARRAY = 32,
    MOCK_SHAPE_OBJECT = 64,
    MOCK_SHAPE_ANY = 127,
    MOCK_SHAPE_PATH_MAX = 12,
};

struct mock_shape;

struct mock_shape_field {
    str name;
    unsigned kinds;
    unsigned elements; // of an array; 0: any
    bool is_required;
    bool is_filled; // a string or an array that may not be empty
    bool is_bounded;
    double min; // of a number that is bounded
    double max;
    const str *words; // what a string may be, with an empty one behind the last; NULL: anything
    const struct mock_shape *inner; // of an object, or of the objects in an array; NULL: anything
};

struct mock_shape_variant {
    str tag;
    const struct mock_shape *shape;
};

struct mock_shape {
    const struct mock_shape_field *fields;
    size_t count;
    bool is_open;                              // members that it does not have are always passed
    str tag;                                   // with it only variants
    const struct mock_shape_variant *variants; // with an empty tag behind the last
};

enum mock_shape_flaw {
    MOCK_SHAPE_BROKEN, // no JSON
    MOCK_SHAPE_MISSING,
    MOCK_SHAPE_UNKNOWN,
    MOCK_SHAPE_TYPE,
    MOCK_SHAPE_EMPTY,
    MOCK_SHAPE_BELOW,
    MOCK_SHAPE_ABOVE,
    MOCK_SHAPE_WORD,
    MOCK_SHAPE_TAG,
};

struct mock_shape_step {
    str name; // of a member; empty: an element
    size_t index;
};

struct mock_shape_finding {
    enum mock_shape_flaw flaw;
    struct mock_shape_step path[MOCK_SHAPE_PATH_MAX];
    size_t depth;
    struct json_value value;              // what stands there; of an array or object only its kind
    const struct mock_shape_field *field; // NULL for an unknown member or a tag
    const struct mock_shape *shape;       // of a tag
};

// Whether `text` is an object of that shape. Without `is_closed`, members that the tables do not
// have are passed.
bool mock_shape_check(str text, const struct mock_shape *shape, bool is_closed,
                      struct mock_shape_finding *out);

// The values of members of an object that was checked; an absent one is a null without a text.
void mock_shape_members(str object, const str *names, struct json_value *values, size_t count);

// The text of a value that is a string, else an empty one; in the arena, or a view.
str mock_shape_text(struct json_value v, struct arena *arena);

// A walk over the elements of an array that was checked, false behind the last; none where `array`
// is no array. The reader is the walk.
void mock_shape_elements(struct json_reader *walk, struct json_value array);
bool mock_shape_next(struct json_reader *walk, struct json_value *element);

// Whether a name has but letters, digits, _ and -, at most so many.
bool mock_shape_is_name(str name, size_t max);

// The path in the arena: "a.0.b", or with brackets "a[0].b".
str mock_shape_path(const struct mock_shape_finding *f, bool has_brackets, struct arena *arena);
