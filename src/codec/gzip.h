// gzip: whole messages, compressed and back (RFC 1952), on zlib.
//
// A few bytes can stand for gigabytes: what comes out is bounded by the maximum of the buf it goes
// to, and nothing is allocated ahead of what was unpacked. Pure but for zlib's working memory
// (about 40 KiB to read, 270 KiB to write), which is taken and given back within a call.
#pragma once

#include "base/buf.h"

// Appends what `in` stands for, one or several gzip members in a row. ERR_LIMIT: it does not fit;
// ERR_SYNTAX: it is no gzip, is cut, has something behind its end, or a checksum is wrong. After an
// error a part of it may stand in `out`.
err gzip_decompress(str in, struct buf *out);

// Appends `in` as one gzip member, at a level that favours speed. ERR_LIMIT: it does not fit, and a
// part may stand in `out`.
err gzip_compress(str in, struct buf *out);
