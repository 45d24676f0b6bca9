#include "codec/crc32c.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <string.h>

enum { ROOM = 40'000 };

// RFC 3720, appendix B.4, whose sums are printed there with the lowest byte first.
TEST(crc32c_knows_the_examples_of_rfc_3720)
{
    static const uint8_t read_command[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
        0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
        0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    uint8_t bytes[32] = {0};

    CHECK_EQ(crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    CHECK_EQ(crc32c(0, bytes, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    CHECK_EQ(crc32c(0, bytes, 32), 0x46dd794e);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    CHECK_EQ(crc32c(0, bytes, 32), 0x113fdb5c);
    CHECK_EQ(crc32c(0, read_command, sizeof read_command), 0xd9963a56);
}

TEST(crc32c_of_the_digits_is_the_check_value_and_of_nothing_zero)
{
    CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_EQ(crc32c(0, "", 0), 0);
}

// Every length near the lengths of stretches, at every alignment.
TEST(crc32c_rows_agree_at_every_length_and_alignment)
{
    static const size_t lengths[] = {0, 380, 3'060, 6'520, 12'280, 24'570, ROOM - 40};
    uint8_t *bytes = memory_alloc(ROOM);
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < ROOM; i++) {
        bytes[i] = (uint8_t)random_u64(&r);
    }
    for (enum crc32c_row row = CRC32C_SSE42; row < CRC32C_ROWS; row++) {
        crc32c_fn *sum = crc32c_of(row);
        for (size_t i = 0; sum && i < sizeof lengths / sizeof *lengths * 32; i++) {
            size_t len = lengths[i / 32] + i % 32;
            const uint8_t *at = bytes + i % 8;
            uint32_t before = (uint32_t)random_u64(&r);
            CHECK_EQ(sum(before, at, len), crc32c_of(CRC32C_PLAIN)(before, at, len));
        }
    }
    memory_free(bytes);
}

TEST(crc32c_of_pieces_is_that_of_the_whole)
{
    uint8_t *bytes = memory_alloc(ROOM);
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < ROOM; i++) {
        bytes[i] = (uint8_t)random_u64(&r);
    }
    uint32_t whole = crc32c(0, bytes, ROOM);
    for (unsigned i = 0; i < 100; i++) {
        size_t cut = (size_t)random_below(&r, ROOM + 1);
        CHECK_EQ(crc32c(crc32c(0, bytes, cut), bytes + cut, ROOM - cut), whole);
    }
    memory_free(bytes);
}
