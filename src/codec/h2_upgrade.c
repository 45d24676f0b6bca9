#include "codec/h2_upgrade.h"

enum { SETTING_BYTES = 6 };

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

// base64url without padding (RFC 4648 section 5).
static err decode(str text, char *out, size_t *len)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t at = 0;

    if (text.len % 4 == 1) return ERR_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i]);
        if (value < 0) return ERR_SYNTAX;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        if (at == H2_UPGRADE_SETTINGS_MAX) return ERR_SYNTAX;
        out[at++] = (char)(bits >> have & 0xff);
    }
    if (bits & ((1U << have) - 1)) return ERR_SYNTAX; // what is left over must be zero
    *len = at;
    return at % SETTING_BYTES ? ERR_SYNTAX : OK;
}

static const struct h1_field *only_field(const struct h1_head *head, str name)
{
    const struct h1_field *found = NULL;

    for (size_t i = 0; i < head->field_count; i++) {
        if (!str_eq_nocase(head->fields[i].name, name)) continue;
        if (found) return NULL;
        found = &head->fields[i];
    }
    return found;
}

err h2_upgrade_settings(const struct h1_head *head, char *out, size_t *len)
{
    const struct h1_field *upgrade = h1_field_find(head, STR("Upgrade"));
    const struct h1_field *settings = only_field(head, STR("HTTP2-Settings"));
    bool has_body = head->framing == H1_CHUNKED || head->content_length > 0;

    if (!upgrade || !h1_value_has_token(upgrade->value, STR("h2c"))) return ERR_ABSENT;
    if (!settings || head->minor == 0 || has_body) return ERR_SYNTAX;
    if (!h1_connection_lists(head, STR("Upgrade")) ||
        !h1_connection_lists(head, STR("HTTP2-Settings")))
        return ERR_SYNTAX;
    return decode(settings->value, out, len);
}
