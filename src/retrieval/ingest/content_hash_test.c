#include "retrieval/ingest/content_hash.h"

#include "support/test.h"

TEST(content_hash_is_the_same_for_ever)
{
    CHECK_EQ(content_hash(STR(""), 0), -2152535657050944081);
    CHECK_EQ(content_hash(STR("vector"), 0), 9195690636524283960);
    CHECK_EQ(content_hash(STR("the quick brown fox"), 7), 6833393462251292597);
}

TEST(content_hash_changes_with_each_bit_the_length_and_the_seed)
{
    char text[40] = {0};
    uint64_t seen[sizeof(text) * 8 + sizeof(text) + 1];
    size_t count = 0;

    for (size_t bit = 0; bit < sizeof(text) * 8; bit++) {
        text[bit / 8] = (char)(1u << bit % 8);
        seen[count++] = content_hash((str){text, sizeof(text)}, 0);
        text[bit / 8] = 0;
    }
    for (size_t len = 0; len <= sizeof(text); len++) {
        seen[count++] = content_hash((str){text, len}, 0);
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(seen[i] != 0 && seen[i] != content_hash((str){text, sizeof(text)}, 1));
        for (size_t k = 0; k < i; k++) {
            CHECK(seen[i] != seen[k]);
        }
    }
}
