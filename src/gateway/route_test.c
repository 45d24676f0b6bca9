#include "gateway/route.h"

#include "support/test.h"

TEST(route_tells_kinds_by_method_and_path)
{
    CHECK_EQ(route_match(STR("POST"), STR("/v1/chat/completions")).kind, ROUTE_CHAT);
    CHECK_EQ(route_match(STR("POST"), STR("/v1/responses")).kind, ROUTE_RESPONSES);
    CHECK_EQ(route_match(STR("POST"), STR("/v1/embeddings?x=1")).kind, ROUTE_EMBEDDINGS);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/chat/completions")).kind, ROUTE_PASS);
    CHECK_EQ(route_match(STR("POST"), STR("/v1/files")).kind, ROUTE_PASS);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/models")).kind, ROUTE_MODELS);
    CHECK_EQ(route_match(STR("DELETE"), STR("/v1/models/a")).kind, ROUTE_PASS);
}

TEST(route_keeps_the_query_for_the_upstream)
{
    struct route r = route_match(STR("GET"), STR("/v1/files/abc?limit=2"));

    CHECK_STR(r.rest, "/files/abc?limit=2");
    CHECK_STR(r.path, "/v1/files/abc");
}

TEST(route_takes_an_absolute_target_by_what_is_behind_its_authority)
{
    struct route r = route_match(STR("GET"), STR("http://host:80/v1/files?a=b"));

    CHECK_EQ(r.kind, ROUTE_PASS);
    CHECK_STR(r.rest, "/files?a=b");
    CHECK_STR(r.path, "/v1/files");
    CHECK_EQ(route_match(STR("GET"), STR("HTTPS://host/v1/models")).kind, ROUTE_MODELS);
    CHECK_EQ(route_match(STR("GET"), STR("http://host")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("http://host/v1/../files")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("http://host/http://host/v1/files")).kind, ROUTE_UNKNOWN);
}

TEST(route_model_takes_the_id)
{
    CHECK_STR(route_match(STR("GET"), STR("/v1/models/org/m-1")).model, "org/m-1");
    CHECK_EQ(route_match(STR("GET"), STR("/v1/models/")).kind, ROUTE_PASS);
}

TEST(route_refuses_what_is_not_under_v1)
{
    CHECK_EQ(route_match(STR("GET"), STR("/")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("/v1")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("/v10/files")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("OPTIONS"), STR("*")).kind, ROUTE_UNKNOWN);
}

TEST(route_refuses_paths_that_climb)
{
    CHECK_EQ(route_match(STR("GET"), STR("/v1/../admin")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/files/%2e%2E/x")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/.%2e")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/files/..\\x")).kind, ROUTE_UNKNOWN);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/files/..a")).kind, ROUTE_PASS);
    CHECK_EQ(route_match(STR("GET"), STR("/v1/files/...")).kind, ROUTE_PASS);
}
