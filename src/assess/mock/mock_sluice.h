// mock_sluice: sluice's own services over gRPC (proto/sluice/v1), and the health of the whole.
//
// Functions of the port in mock_dialect.h; each writes one message as JSON, which mock_grpc puts
// into the form of the wire. A stream is a start, for each choice the words of its parts and a
// finish, and the usage; how it ends is the call's status. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

extern const struct mock_dialect mock_sluice;

err mock_sluice_complete(const struct mock_say *s, struct buf *out);
err mock_sluice_next(struct mock_say *s, struct buf *out);
err mock_sluice_count(const struct mock_say *s, struct buf *out);
err mock_sluice_embed(const struct mock_say *s, struct buf *out);
err mock_sluice_health(const struct mock_say *s, struct buf *out);
