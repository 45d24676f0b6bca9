// cells_report: how every way to an answer fares, for people and machines.
//
// Read off the board that the workers write; each worker has figures of its own. Any thread.
#pragma once

#include "base/buf.h"
#include "base/time.h"
#include "resilience/route_board.h"

// Appends {"cells":[...]}: one object a way, with one a worker that used it. Times are as long from
// `now` as they say. ERR_LIMIT.
err cells_report_json(struct route_board *board, size_t workers, msec now, struct buf *out);

// Appends the figures in the Prometheus text format, summed over the workers.
err cells_report_metrics(struct route_board *board, size_t workers, struct buf *out);
