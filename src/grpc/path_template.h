// path_template: the path templates of google.api.http, compiled, compared and matched.
//
//     Template = "/" [ Segment { "/" Segment } ] [ ":" Verb ]
//     Segment  = "*" | "**" | Literal | "{" FieldPath [ "=" Segment { "/" Segment } ] "}"
//
// "*" is one segment that is not empty, "**" the rest of the path, however many segments that are;
// it comes last, and before a verb it is at least one. A variable captures what its segments match,
// and "{name}" is "{name=*}". Literals are compared decoded; "%" has no place in a template.
// Source: the comments of google/api/http.proto. Everything here is pure; what is compiled or
// decoded lies in the arena that the caller hands in, and views the text it was read from.
#pragma once

#include "base/arena.h"
#include "base/diag.h"

enum {
    PATH_TEMPLATE_SEGMENTS_MAX = 32,
    PATH_TEMPLATE_VARIABLES_MAX = 16,
    PATH_TEMPLATE_PARTS_MAX = 128, // segments of a path that is matched
};

enum path_template_kind {
    PATH_TEMPLATE_LITERAL,
    PATH_TEMPLATE_ANY,  // "*"
    PATH_TEMPLATE_REST, // "**"
};

struct path_template_segment {
    enum path_template_kind kind;
    str literal;
};

struct path_template_variable {
    str field_path; // "shelf.name"
    size_t first;   // of its segments
    size_t count;
};

struct path_template {
    str text;
    str verb; // empty where there is none
    const struct path_template_segment *segments;
    size_t segment_count;
    const struct path_template_variable *variables;
    size_t variable_count;
};

// Compiles a template. ERR_SYNTAX or ERR_LIMIT with one finding that quotes it and says where.
err path_template_compile(str text, struct arena *arena, struct diag *d, struct path_template *out);

// How the paths that two templates match relate.
enum path_template_relation {
    PATH_TEMPLATE_APART,   // no path is matched by both
    PATH_TEMPLATE_SAME,    // the same paths
    PATH_TEMPLATE_INSIDE,  // the first matches some of the second's, and no others
    PATH_TEMPLATE_AROUND,  // the reverse
    PATH_TEMPLATE_CROSSING // some are matched by both, and each matches others
};

enum path_template_relation path_template_relate(const struct path_template *a,
                                                 const struct path_template *b);

// The path of a request, cut at its slashes. "/" has no segments.
struct path_template_parts {
    str raw[PATH_TEMPLATE_PARTS_MAX];
    str decoded[PATH_TEMPLATE_PARTS_MAX];
    size_t count;
    str verb;     // behind the last colon of the last segment, as sent; empty where there is none
    str stem;     // what precedes that colon, decoded
    str stem_raw; // and as sent
};

// Cuts and decodes a path without its query. ERR_SYNTAX: no "/" at its start, or a broken escape;
// ERR_LIMIT: too many segments.
err path_template_split(str path, struct arena *arena, struct path_template_parts *out);

// The segment at `i`, decoded, for a template with or without a verb.
static inline str path_template_part(const struct path_template_parts *p, size_t i, bool has_verb)
{
    return has_verb && i + 1 == p->count ? p->stem : p->decoded[i];
}

bool path_template_match(const struct path_template *t, const struct path_template_parts *p);

// The value of each variable, in the order of the template, of a path that matches. One segment is
// decoded; of several each escape is undone but "%2F", so that it can't be taken for a separator.
void path_template_capture(const struct path_template *t, const struct path_template_parts *p,
                           struct arena *arena, str *values);
