// metric: how near two vectors are. Smaller is nearer, whatever the metric.
#pragma once

#include <stdint.h>

enum metric {
    METRIC_L2,     // squared Euclidean distance
    METRIC_IP,     // the inner product, negated
    METRIC_COSINE, // rows and queries are normalised; then squared Euclidean distance, 2 - 2 cos
    METRIC_COUNT,
};
