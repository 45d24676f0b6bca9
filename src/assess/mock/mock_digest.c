#include "assess/mock/mock_digest.h"

#include <openssl/evp.h>

enum { SUM_BYTES = 32 };

// Hashing fails only for want of memory, which ends the program elsewhere too.
static void hash(str bytes, unsigned char *sum)
{
    EVP_Digest(bytes.ptr, bytes.len, sum, NULL, EVP_sha256(), NULL);
}

str mock_digest_hex(str bytes, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    char *hex = arena_alloc_raw(arena, MOCK_DIGEST_HEX);

    hash(bytes, sum);
    for (size_t i = 0; i < SUM_BYTES; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    return (str){.ptr = hex, .len = MOCK_DIGEST_HEX};
}

void mock_digest_seal(str thinking, char *out)
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    hash(thinking, sum);
    EVP_EncodeBlock((unsigned char *)out, sum, SUM_BYTES);
}

// The value of a digit; 64 for what is none.
static unsigned value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9') return (unsigned)(c - '0') + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : 64;
}

err mock_digest_decode(str base64, struct arena *arena, str *out)
{
    size_t padding = str_ends(base64, STR("==")) ? 2 : str_ends(base64, STR("="));
    size_t digits = base64.len - padding;
    uint32_t bits = 0;
    size_t len = 0;

    if (base64.len % 4 != 0) return ERR_SYNTAX;
    char *bytes = arena_alloc_raw(arena, base64.len / 4 * 3 + 1);
    for (size_t i = 0; i < digits; i++) {
        unsigned value = value_of(base64.ptr[i]);
        if (value == 64) return ERR_SYNTAX;
        bits = bits << 6 | value;
        if (i % 4) bytes[len++] = (char)(bits >> (6 - i % 4 * 2) & 255);
    }
    *out = (str){.ptr = bytes, .len = len};
    return OK;
}
