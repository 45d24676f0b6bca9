#include "assess/mock/mock_rule.h"

void mock_rule_init(struct mock_rule *r)
{
    *r = (struct mock_rule){
        .match = {.probability = 1},
        .fault = {.after_events = MOCK_RULE_NEVER, .after_bytes = MOCK_RULE_NEVER},
    };
}

bool mock_rule_glob(str pattern, str name)
{
    size_t at = 0;
    size_t star = pattern.len; // the last "*", to come back to
    size_t resume = 0;

    for (size_t i = 0; i < name.len;) {
        if (at < pattern.len && pattern.ptr[at] == '*') {
            star = at++;
            resume = i;
        } else if (at < pattern.len && (pattern.ptr[at] == '?' || pattern.ptr[at] == name.ptr[i])) {
            at++;
            i++;
        } else if (star < pattern.len) {
            at = star + 1;
            i = ++resume;
        } else {
            return false;
        }
    }
    while (at < pattern.len && pattern.ptr[at] == '*') {
        at++;
    }
    return at == pattern.len;
}

static bool header_matches(str wanted, const struct h1_head *head)
{
    bool has_value = str_find_char(wanted, ':') < wanted.len;
    str name = str_trim(str_cut(&wanted, ':'));

    for (size_t i = 0; i < head->field_count; i++) {
        if (!str_eq_nocase(head->fields[i].name, name)) continue;
        if (!has_value || mock_rule_glob(str_trim(wanted), head->fields[i].value)) return true;
    }
    return false;
}

bool mock_rule_matches(struct mock_rule *r, const struct mock_subject *s, struct random *random)
{
    const struct mock_match *m = &r->match;

    if (m->model.len && !mock_rule_glob(m->model, s->model)) return false;
    if (m->path.len && !mock_rule_glob(m->path, s->path)) return false;
    if (m->content.len && str_find(s->content, m->content) >= s->content.len) return false;
    if (m->header.len && !header_matches(m->header, s->head)) return false;
    r->seen++;
    if (m->first && r->seen > m->first) return false;
    if (m->every && r->seen % m->every != 0) return false;
    if (m->from && (r->seen < m->from || r->seen > m->to)) return false;
    return m->probability >= 1 || random_unit(random) < m->probability;
}
