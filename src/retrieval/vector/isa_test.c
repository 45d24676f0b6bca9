#include "retrieval/vector/isa.h"

#include "support/test.h"

TEST(isa_best_is_supported_and_has_a_name)
{
    CHECK(isa_is_supported(isa_best()));
    CHECK(str_from_c(isa_name(isa_best())).len > 0);
}

TEST(isa_plain_code_runs_everywhere)
{
    CHECK(isa_is_supported(ISA_SCALAR));
    CHECK_STR(str_from_c(isa_name(ISA_SCALAR)), "scalar");
}
