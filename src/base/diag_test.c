#include "base/diag.h"

#include "support/test.h"

TEST(diag_prints_place_message_and_hint)
{
    struct diag d;
    struct buf out;

    diag_init(&d);
    buf_init(&out, 10'000);
    diag_add(&d, (struct diag_place){3, 7}, STR("did you mean \"listen\"?"), "unknown key \"%s\"",
             "lisen");
    diag_add(&d, (struct diag_place){0, 0}, STR(""), "no providers");
    CHECK_EQ(diag_print(&d, STR("a.yaml"), &out), OK);
    CHECK_STR(buf_view(&out), "a.yaml:3:7: unknown key \"lisen\" (did you mean \"listen\"?)\n"
                              "a.yaml: no providers\n");
    buf_done(&out);
    diag_done(&d);
}

TEST(diag_counts_what_it_does_not_keep)
{
    struct diag d;
    struct buf out;

    diag_init(&d);
    buf_init(&out, 100'000);
    for (int i = 0; i < DIAG_MAX + 3; i++) {
        diag_add(&d, (struct diag_place){1, 1}, STR(""), "finding %d", i);
    }
    CHECK_EQ(diag_print(&d, STR("f"), &out), OK);
    CHECK(str_ends(buf_view(&out), STR("and 3 more\n")));
    buf_done(&out);
    diag_done(&d);
}

TEST(diag_nearest_forgives_two_edits)
{
    const str known[] = {STR("listen"), STR("limits"), STR("models")};

    CHECK_STR(diag_nearest(STR("lisen"), known, 3), "listen");
    CHECK_STR(diag_nearest(STR("limit"), known, 3), "limits");
    CHECK_STR(diag_nearest(STR("providers"), known, 3), "");
}
