// access_log: one line of JSON an exchange, without secrets: no credential, no query, no content.
#pragma once

#include "gateway/exchange.h"

// Writes the line of an exchange that ends now. Does nothing where no log is wanted.
void access_log_write(struct exchange *x);
