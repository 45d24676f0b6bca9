#include "gateway/services.h"

#include "support/golden.h"
#include "support/test.h"

#include <stdio.h>

struct fixture {
    struct settings *settings;
    struct buf files[3];
    struct buf printed;
    struct diag diag;
    err e;
};

// Each provider of the settings gets what the file of its set's name holds.
static void attach(struct fixture *f, str yaml)
{
    static const char *const nothing[] = {NULL};

    *f = (struct fixture){0};
    diag_init(&f->diag);
    buf_init(&f->printed, 1 << 16);
    CHECK_EQ(settings_parse(yaml, nothing, &f->diag, &f->settings), OK);
    for (size_t i = 0; i < f->settings->provider_count; i++) {
        struct settings_provider *p = &f->settings->providers[i];
        buf_init(&f->files[i], 1 << 20);
        if (!p->descriptor_set.len) continue;
        golden_read(p->descriptor_set.ptr, &f->files[i]);
        p->descriptors = buf_view(&f->files[i]);
    }
    f->e = services_attach(f->settings, &f->diag);
    CHECK_EQ(diag_print(&f->diag, STR("f"), &f->printed), OK);
    CHECK_EQ(f->e == OK, f->diag.count == 0);
    CHECK_EQ(f->e == OK, f->settings->attachment != NULL);
}

static void done(struct fixture *f)
{
    settings_unref(f->settings);
    for (size_t i = 0; i < sizeof(f->files) / sizeof(f->files[0]); i++) {
        buf_done(&f->files[i]);
    }
    buf_done(&f->printed);
    diag_done(&f->diag);
}

static void check_refused(str yaml, const char *printed)
{
    struct fixture f;

    attach(&f, yaml);
    CHECK_SAME(buf_view(&f.printed), str_from_c(printed));
    done(&f);
}

#define STOCK                                                                                      \
    "providers:\n"                                                                                 \
    "  - {name: o, base_url: \"http://o\"}\n"                                                      \
    "  - {name: s, dialect: grpc, base_url: \"http://s\",\n"                                       \
    "     descriptor_set: tests/rpc/descriptors.bin"
#define LIBRARY                                                                                    \
    "  - {name: l, dialect: grpc, base_url: \"http://l\",\n"                                       \
    "     descriptor_set: tests/transcode/descriptors.bin"

TEST(services_of_providers_stand_beside_our_own)
{
    struct arena arena;
    struct fixture f;
    struct services s;
    struct transcode_found found;
    size_t provider = 0;

    arena_init(&arena, 1 << 12);
    attach(&f, STR(STOCK "}\n"));
    CHECK_STR(buf_view(&f.printed), "");
    CHECK_EQ(services_init(&s, f.settings, &arena), OK);
    CHECK_EQ(s.pool_count, 2);
    CHECK(s.pools[0] == s.own);
    CHECK_EQ(transcode_routes_find(s.routes, STR("GET"), STR("/stock/v1/items/a"), &arena, &found),
             OK);
    CHECK(services_provider(&s, found.route, &provider));
    CHECK_EQ(provider, 1);
    CHECK_STR(found.route->method->name, "Get");
    CHECK_EQ(
        transcode_routes_find(s.routes, STR("POST"), STR("/stock.v1.Stock/Chat"), &arena, &found),
        OK);
    CHECK(services_provider(&s, found.route, &provider));
    CHECK_EQ(transcode_routes_find(s.routes, STR("POST"), STR("/sluice/v1/chat"), &arena, &found),
             OK);
    CHECK(!services_provider(&s, found.route, &provider));
    CHECK_EQ(services_kind(found.route->method), SERVICE_CHAT);
    arena_reset(&arena);
    done(&f);
}

TEST(services_without_a_table_are_our_own)
{
    struct arena arena;
    struct fixture f;
    struct services s;
    struct transcode_found found;
    static const char *const nothing[] = {NULL};

    f = (struct fixture){0};
    diag_init(&f.diag);
    arena_init(&arena, 1 << 12);
    CHECK_EQ(settings_parse(STR(STOCK "}\n"), nothing, &f.diag, &f.settings), OK);
    CHECK_EQ(services_init(&s, f.settings, &arena), OK);
    CHECK_EQ(s.pool_count, 1);
    CHECK_EQ(transcode_routes_find(s.routes, STR("GET"), STR("/stock/v1/items/a"), &arena, &found),
             ERR_ABSENT);
    arena_reset(&arena);
    done(&f);
}

TEST(services_that_are_not_in_their_set_are_found_where_they_were_named)
{
    check_refused(STR(STOCK ",\n     services: [stock.v1.Stok, a.B]}\n"),
                  "f:5:17: provider s: the service stock.v1.Stok is not in "
                  "tests/rpc/descriptors.bin (did you mean \"stock.v1.Stock\"?)\n"
                  "f:5:32: provider s: the service a.B is not in tests/rpc/descriptors.bin\n");
}

TEST(services_of_a_set_that_is_none_are_found)
{
    check_refused(STR("providers:\n"
                      "  - {name: s, dialect: grpc, base_url: \"http://s\",\n"
                      "     descriptor_set: tests/rpc/stock.proto}\n"),
                  "f:3:22: provider s: the set: no descriptor set\n");
}

TEST(services_never_stand_in_the_way_of_the_vendors_apis)
{
    check_refused(STR("providers:\n" LIBRARY "}\n"),
                  "f:3:22: provider l: POST /v1/files/{name=**} of library.Library.Upload is in "
                  "the way of our own /v1/files/**\n"
                  "f:3:22: provider l: GET /v1/files/{name=**} of library.Library.Download is in "
                  "the way of our own /v1/files/**\n");
}

TEST(services_that_clash_are_found_with_both_names)
{
    struct fixture f;

    attach(&f, STR(STOCK "}\n"
                         "  - {name: t, dialect: grpc, base_url: \"http://t\",\n"
                         "     descriptor_set: tests/rpc/descriptors.bin}\n"));
    str printed = buf_view(&f.printed);
    CHECK(str_find(printed, STR("f:6:22: provider t: GET /stock/v1/{name=items/*} of "
                                "stock.v1.Stock.Get and GET /stock/v1/{name=items/*} of "
                                "stock.v1.Stock.Get match the same requests\n")) < printed.len);
    CHECK_EQ(str_find(printed, STR("provider s")), printed.len); // it was there first
    done(&f);
}
