// admin: the operator's door: /healthz, /readyz, /metrics, /api/cells, on an address of its own.
//
// Runs on the control loop and reads what the workers count. Belongs to that loop.
#pragma once

#include "gateway/metrics.h"
#include "http/server.h"
#include "resilience/route_board.h"

enum { ADMIN_PROBLEM_MAX = 4096 };

struct admin {
    struct server server;
    struct route_board *board;            // how each way to an answer fares
    const struct metrics *const *workers; // one a worker
    size_t worker_count;
    bool is_ready;                   // false while starting and draining
    char problem[ADMIN_PROBLEM_MAX]; // why the newest configuration was refused; empty: it wasn't
    char certificates_problem[ADMIN_PROBLEM_MAX]; // likewise, of files that have changed
    void (*refresh)(struct admin *a); // called before the counters are read; may be NULL
};

// Listens on `address`. `workers` and `board` outlive the admin.
err admin_open(struct admin *a, struct loop *loop, const struct address *address,
               const struct metrics *const *workers, size_t worker_count,
               struct route_board *board);
void admin_close(struct admin *a);

// What /readyz tells of the configuration: `problem` is clipped; empty where all is well.
void admin_set_problem(struct admin *a, str problem);
// The same of certificates that have changed on disk.
void admin_set_certificates_problem(struct admin *a, str problem);
