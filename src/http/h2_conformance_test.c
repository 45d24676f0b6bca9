// What RFC 9113 and RFC 7541 ask of a server, rule by rule: bytes go in, the frames that come out
// are judged.
#include "support/echo_server.h"
#include "support/h2_peer.h"
#include "support/test.h"

#include <stdio.h>

enum { FRAMES_MAX = 6 };

// Types and flags, short enough for a table.
enum {
    DATA = NGHTTP2_DATA,
    HEADERS = NGHTTP2_HEADERS,
    PRIORITY = NGHTTP2_PRIORITY,
    RST = NGHTTP2_RST_STREAM,
    SETTINGS = NGHTTP2_SETTINGS,
    PUSH = NGHTTP2_PUSH_PROMISE,
    PING = NGHTTP2_PING,
    GOAWAY = NGHTTP2_GOAWAY,
    WINDOW = NGHTTP2_WINDOW_UPDATE,
    CONTINUATION = NGHTTP2_CONTINUATION,
    END = 1,    // of the stream
    ACK = 1,    // of PING and SETTINGS
    WHOLE = 4,  // the block
    PADDED = 8, //
    PRIO = 32,  // HEADERS with a priority
};

enum {
    NONE = NGHTTP2_NO_ERROR,
    PROTOCOL = NGHTTP2_PROTOCOL_ERROR,
    FLOW = NGHTTP2_FLOW_CONTROL_ERROR,
    CLOSED = NGHTTP2_STREAM_CLOSED,
    FRAME_SIZE = NGHTTP2_FRAME_SIZE_ERROR,
    COMPRESSION = NGHTTP2_COMPRESSION_ERROR,
};

struct frame {
    unsigned type;
    unsigned flags;
    uint32_t id;
    str bytes;  // the payload; of fields if `is_fields`, "name: value|"
    size_t len; // of zeros instead, where it is set
    bool is_fields;
};

enum outcome {
    DIES,   // a connection error: GOAWAY with the code, and the end
    RESETS, // a stream error: RST_STREAM of stream 1 with the code
    SERVES, // stream 1, if it was opened, gets its answer; the conn goes on
    LIVES,  // the conn goes on
};

struct sample {
    const char *rule; // section and what happens
    struct frame frames[FRAMES_MAX];
    enum outcome want;
    uint32_t code;
    bool is_lazy; // the handler lets stream 1 wait
};

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define F(type, flags, id, text)                                                                   \
    {                                                                                              \
        type, flags, id, S(text), 0, false                                                         \
    }
#define ZEROS(type, flags, id, len)                                                                \
    {                                                                                              \
        type, flags, id, S(""), len, false                                                         \
    }
#define H(flags, id, text)                                                                         \
    {                                                                                              \
        HEADERS, (flags) | WHOLE, id, S(text), 0, true                                             \
    }
#define TO_X ":method: GET|:scheme: http|:authority: x|:path: /|"
#define POST ":method: POST|:scheme: http|:authority: x|:path: /|"
// The same GET as a block without the dynamic table: fields 2, 6, 4 and a literal of name 1.
#define BLOCK "\x82\x86\x84\x01\x01x"

#define CASE(rule, want, code, ...)                                                                \
    {                                                                                              \
        rule, {__VA_ARGS__}, want, code, false                                                     \
    }
// The handler lets the streams wait.
#define LAZY(rule, want, code, ...)                                                                \
    {                                                                                              \
        rule, {__VA_ARGS__}, want, code, true                                                      \
    }

// A stream error may be taken for one of the connection (section 5.4.2), as nghttp2 does of some.
// Where it departs from RFC 9113 the table says what it does: DATA of a closed stream is dropped
// without a word (6.1), a padded frame without a length has another code (4.2), and settings that
// push a window too far cost the stream and not the connection (6.9.2).
static const struct sample samples[] = {
    // Frames.
    CASE("4.1 a frame of an unknown type is ignored", SERVES, NONE, F(0x42, 0xff, 0, "abc"),
         H(END, 1, TO_X)),
    CASE("4.1 one on a stream is ignored", SERVES, NONE, H(0, 1, POST), F(0x42, 0, 1, ""),
         F(DATA, END, 1, "")),
    CASE("4.1 flags without a meaning are ignored", SERVES, NONE, F(PING, 0xfe, 0, "12345678"),
         H(END | 0x50, 1, TO_X)),
    CASE("4.1 the reserved bit is ignored", SERVES, NONE, F(PING, 0, 0x80000000, "12345678"),
         H(END, 0x80000001, TO_X)),
    CASE("4.2 a DATA frame of the largest size", SERVES, NONE, H(0, 1, POST),
         ZEROS(DATA, END, 1, 16'384)),
    CASE("4.2 a DATA frame that is larger", DIES, FRAME_SIZE, H(0, 1, POST),
         ZEROS(DATA, END, 1, 16'385)),
    CASE("4.2 a HEADERS frame that is larger", DIES, FRAME_SIZE,
         ZEROS(HEADERS, END | WHOLE, 1, 16'385)),
    CASE("4.2 a SETTINGS frame that is larger", DIES, FRAME_SIZE, ZEROS(SETTINGS, 0, 0, 16'386)),
    CASE("4.2 an unknown frame that is larger", DIES, FRAME_SIZE, ZEROS(0x42, 0, 0, 16'385)),
    CASE("4.3 a block that is no HPACK", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, "\xff\xff\xff\xff\xff\xff")),
    CASE("4.3 a frame between those of a block", DIES, PROTOCOL, F(HEADERS, END, 1, "\x82"),
         F(PRIORITY, 0, 3, "\0\0\0\0\1")),
    CASE("4.3 a block of another stream within a block", DIES, PROTOCOL, F(HEADERS, END, 1, "\x82"),
         F(HEADERS, END | WHOLE, 3, BLOCK)),
    CASE("5.5 an unknown frame within a block", DIES, PROTOCOL, F(HEADERS, END, 1, "\x82"),
         F(0x42, 0, 0, "")),

    // Streams.
    CASE("5.1 idle: DATA", DIES, PROTOCOL, F(DATA, END, 1, "x")),
    CASE("5.1 idle: RST_STREAM", DIES, PROTOCOL, F(RST, 0, 1, "\0\0\0\x8")),
    CASE("5.1 idle: WINDOW_UPDATE", DIES, PROTOCOL, F(WINDOW, 0, 1, "\0\0\0\1")),
    CASE("5.1 idle: CONTINUATION", DIES, PROTOCOL, F(CONTINUATION, WHOLE, 1, BLOCK)),
    CASE("5.1 idle: PRIORITY is allowed", SERVES, NONE, F(PRIORITY, 0, 1, "\0\0\0\0\1"),
         H(END, 1, TO_X)),
    LAZY("5.1 half-closed: DATA", DIES, CLOSED, H(END, 1, TO_X), F(DATA, END, 1, "x")),
    LAZY("5.1 half-closed: HEADERS", DIES, CLOSED, H(END, 1, TO_X), H(END, 1, "a: b|")),
    LAZY("5.1 half-closed: CONTINUATION", DIES, PROTOCOL, H(END, 1, TO_X),
         F(CONTINUATION, WHOLE, 1, "\x82")),
    LAZY("5.1 half-closed: WINDOW_UPDATE is allowed", LIVES, NONE, H(END, 1, TO_X),
         F(WINDOW, 0, 1, "\0\0\0\1")),
    LAZY("5.1 half-closed: PRIORITY is allowed", LIVES, NONE, H(END, 1, TO_X),
         F(PRIORITY, 0, 1, "\0\0\0\0\1")),
    LAZY("5.1 half-closed: RST_STREAM is allowed", LIVES, NONE, H(END, 1, TO_X),
         F(RST, 0, 1, "\0\0\0\x8")),
    CASE("5.1 closed: PRIORITY is allowed", SERVES, NONE, H(END, 1, TO_X),
         F(PRIORITY, 0, 1, "\0\0\0\0\1")),
    CASE("5.1 closed: WINDOW_UPDATE for a while", SERVES, NONE, H(END, 1, TO_X),
         F(WINDOW, 0, 1, "\0\0\0\1")),
    CASE("5.1 closed: RST_STREAM for a while", SERVES, NONE, H(END, 1, TO_X),
         F(RST, 0, 1, "\0\0\0\0")),
    CASE("5.1 closed by both ends: DATA", SERVES, NONE, H(END, 1, TO_X), F(DATA, END, 1, "x")),
    CASE("5.1 closed by both ends: HEADERS", DIES, CLOSED, H(END, 1, TO_X), H(END, 1, "a: b|")),
    CASE("5.1 closed by RST_STREAM: DATA", LIVES, NONE, H(0, 1, POST), F(RST, 0, 1, "\0\0\0\x8"),
         F(DATA, END, 1, "x")),
    CASE("5.1 closed by RST_STREAM: HEADERS", DIES, CLOSED, H(0, 1, POST),
         F(RST, 0, 1, "\0\0\0\x8"), H(END, 1, "a: b|")),
    CASE("5.1.1 an even stream", DIES, PROTOCOL, H(END, 2, TO_X)),
    CASE("5.1.1 a stream below one that was there", DIES, PROTOCOL, H(END, 5, TO_X),
         H(END, 3, TO_X)),
    CASE("5.1.1 streams may be left out", SERVES, NONE, H(END, 1, TO_X), H(END, 0x7fff, TO_X)),

    // DATA.
    CASE("6.1 DATA of no stream", DIES, PROTOCOL, F(DATA, END, 0, "x")),
    CASE("6.1 padding", SERVES, NONE, H(0, 1, POST), F(DATA, END | PADDED, 1, "\4body\0\0\0\0")),
    CASE("6.1 nothing but padding", SERVES, NONE, H(0, 1, POST), F(DATA, END | PADDED, 1, "\0")),
    CASE("6.1 padding as long as the frame", DIES, PROTOCOL, H(0, 1, POST),
         F(DATA, END | PADDED, 1, "\6body\0")),
    CASE("6.1 padding of an empty frame", DIES, PROTOCOL, H(0, 1, POST),
         F(DATA, END | PADDED, 1, "")),

    // HEADERS.
    CASE("6.2 HEADERS of no stream", DIES, PROTOCOL, H(END, 0, TO_X)),
    CASE("6.2 padding", SERVES, NONE, F(HEADERS, END | WHOLE | PADDED, 1, "\2" BLOCK "\0\0")),
    CASE("6.2 padding as long as the frame", DIES, PROTOCOL,
         F(HEADERS, END | WHOLE | PADDED, 1, "\7" BLOCK)),
    CASE("6.2 a priority", SERVES, NONE, F(HEADERS, END | WHOLE | PRIO, 1, "\0\0\0\0\x0f" BLOCK)),
    CASE("6.2 a priority that is cut", DIES, FRAME_SIZE,
         F(HEADERS, END | WHOLE | PRIO, 1, "\0\0\0")),
    CASE("6.2 padding and a priority", SERVES, NONE,
         F(HEADERS, END | WHOLE | PRIO | PADDED, 1, "\1\0\0\0\0\x0f" BLOCK "\0")),

    // PRIORITY.
    CASE("6.3 PRIORITY of no stream", DIES, PROTOCOL, F(PRIORITY, 0, 0, "\0\0\0\0\1")),
    CASE("6.3 PRIORITY of four bytes", DIES, FRAME_SIZE, F(PRIORITY, 0, 1, "\0\0\0\0")),
    CASE("6.3 PRIORITY of six bytes", DIES, FRAME_SIZE, F(PRIORITY, 0, 1, "\0\0\0\0\0\0")),

    // RST_STREAM.
    CASE("6.4 RST_STREAM of no stream", DIES, PROTOCOL, F(RST, 0, 0, "\0\0\0\x8")),
    CASE("6.4 RST_STREAM of three bytes", DIES, FRAME_SIZE, H(0, 1, POST), F(RST, 0, 1, "\0\0\0")),
    CASE("6.4 RST_STREAM of five bytes", DIES, FRAME_SIZE, H(0, 1, POST),
         F(RST, 0, 1, "\0\0\0\x8\0")),
    CASE("7 RST_STREAM with an unknown code", LIVES, NONE, H(0, 1, POST),
         F(RST, 0, 1, "\0\0\x42\x42")),

    // SETTINGS.
    CASE("6.5 an acknowledgement with settings", DIES, FRAME_SIZE,
         F(SETTINGS, ACK, 0, "\0\4\0\0\0\1")),
    CASE("6.5 SETTINGS of a stream", DIES, PROTOCOL, F(SETTINGS, 0, 1, "")),
    CASE("6.5 half a setting", DIES, FRAME_SIZE, F(SETTINGS, 0, 0, "\0\4\0")),
    CASE("6.5.2 push of 2", DIES, PROTOCOL, F(SETTINGS, 0, 0, "\0\2\0\0\0\2")),
    CASE("6.5.2 a window of 2^31", DIES, FLOW, F(SETTINGS, 0, 0, "\0\4\x80\0\0\0")),
    CASE("6.5.2 the largest window", SERVES, NONE, F(SETTINGS, 0, 0, "\0\4\x7f\xff\xff\xff"),
         H(END, 1, TO_X)),
    CASE("6.5.2 frames below 2^14", DIES, PROTOCOL, F(SETTINGS, 0, 0, "\0\5\0\0\x3f\xff")),
    CASE("6.5.2 frames of 2^24", DIES, PROTOCOL, F(SETTINGS, 0, 0, "\0\5\1\0\0\0")),
    CASE("6.5.2 an unknown setting is ignored", SERVES, NONE, F(SETTINGS, 0, 0, "\xf0\xf0\0\0\0\1"),
         H(END, 1, TO_X)),
    CASE("6.5.2 the last of two values counts", SERVES, NONE,
         F(SETTINGS, 0, 0, "\0\4\0\0\0\0\0\4\0\1\0\0"), H(END, 1, TO_X)),
    CASE("RFC 9218 2.1 no priorities of 2", DIES, PROTOCOL, F(SETTINGS, 0, 0, "\0\x9\0\0\0\2")),

    // PUSH_PROMISE, PING, GOAWAY.
    CASE("6.6 PUSH_PROMISE of a client", DIES, PROTOCOL, H(0, 1, POST),
         F(PUSH, WHOLE, 1, "\0\0\0\2" BLOCK)),
    CASE("6.7 PING of a stream", DIES, PROTOCOL, F(PING, 0, 1, "12345678")),
    CASE("6.7 PING of seven bytes", DIES, FRAME_SIZE, F(PING, 0, 0, "1234567")),
    CASE("6.7 PING of nine bytes", DIES, FRAME_SIZE, F(PING, 0, 0, "123456789")),
    CASE("6.7 an answer to no PING", SERVES, NONE, F(PING, ACK, 0, "12345678"), H(END, 1, TO_X)),
    CASE("6.8 GOAWAY of a stream", DIES, PROTOCOL, F(GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0")),
    CASE("6.8 GOAWAY of seven bytes", DIES, FRAME_SIZE, F(GOAWAY, 0, 0, "\0\0\0\0\0\0\0")),

    // WINDOW_UPDATE and flow control.
    CASE("6.9 nothing more for the conn", DIES, PROTOCOL, F(WINDOW, 0, 0, "\0\0\0\0")),
    CASE("6.9 nothing more for a stream", DIES, PROTOCOL, H(0, 1, POST),
         F(WINDOW, 0, 1, "\0\0\0\0")),
    CASE("6.9 WINDOW_UPDATE of three bytes", DIES, FRAME_SIZE, F(WINDOW, 0, 0, "\0\0\1")),
    CASE("6.9.1 the conn's window past 2^31-1", DIES, FLOW, F(WINDOW, 0, 0, "\x7f\xff\xff\xff")),
    CASE("6.9.1 a stream's window past 2^31-1", RESETS, FLOW, H(0, 1, POST),
         F(WINDOW, 0, 1, "\x7f\xff\xff\xff")),
    CASE("6.9.2 settings that push one past it", RESETS, FLOW, H(0, 1, POST),
         F(WINDOW, 0, 1, "\x7f\xff\0\0"), F(SETTINGS, 0, 0, "\0\4\0\1\xff\xff")),

    // CONTINUATION.
    CASE("6.10 a block in pieces", SERVES, NONE, F(HEADERS, END, 1, "\x82\x86"),
         F(CONTINUATION, 0, 1, ""), F(CONTINUATION, 0, 1, "\x84\x01"),
         F(CONTINUATION, WHOLE, 1, "\x01x")),
    CASE("6.10 CONTINUATION of no stream", DIES, PROTOCOL, F(HEADERS, END, 1, "\x82"),
         F(CONTINUATION, WHOLE, 0, "\x86")),
    CASE("6.10 of another stream", DIES, PROTOCOL, F(HEADERS, END, 1, "\x82"),
         F(CONTINUATION, WHOLE, 3, "\x86")),
    CASE("6.10 after a block that is whole", DIES, PROTOCOL, F(HEADERS, WHOLE, 1, BLOCK),
         F(CONTINUATION, WHOLE, 1, "\x86")),
    CASE("6.10 after CONTINUATION that ended it", DIES, PROTOCOL, F(HEADERS, 0, 1, "\x82\x86\x84"),
         F(CONTINUATION, WHOLE, 1, "\x01\x01x"), F(CONTINUATION, WHOLE, 1, "\x86")),
    CASE("6.10 after DATA", DIES, PROTOCOL, H(0, 1, POST), F(DATA, 0, 1, "x"),
         F(CONTINUATION, WHOLE, 1, "\x86")),

    // Messages.
    CASE("8.1 trailers", SERVES, NONE, H(0, 1, POST), F(DATA, 0, 1, "x"), H(END, 1, "a: b|")),
    CASE("8.1 trailers that do not end the stream", RESETS, PROTOCOL, H(0, 1, POST),
         F(DATA, 0, 1, "x"), H(0, 1, "a: b|")),
    CASE("8.1 a pseudo-header field in trailers", RESETS, PROTOCOL, H(0, 1, POST),
         H(END, 1, ":path: /|")),
    CASE("8.1.1 a body shorter than its length", RESETS, PROTOCOL,
         H(0, 1, POST "content-length: 5|"), F(DATA, END, 1, "four")),
    CASE("8.1.1 a body longer than its length", RESETS, PROTOCOL,
         H(0, 1, POST "content-length: 5|"), F(DATA, END, 1, "sixsix")),
    CASE("8.1.1 in two frames", RESETS, PROTOCOL, H(0, 1, POST "content-length: 5|"),
         F(DATA, 0, 1, "thr"), F(DATA, END, 1, "thr")),
    CASE("8.1.1 no body for a length", RESETS, PROTOCOL, H(END, 1, POST "content-length: 5|")),
    CASE("8.1.1 a body as long as its length", SERVES, NONE, H(0, 1, POST "content-length: 5|"),
         F(DATA, 0, 1, "fi"), F(DATA, END, 1, "ve!")),
    CASE("8.2.1 an upper-case name", RESETS, PROTOCOL, H(END, 1, TO_X "X-Y: z|")),
    CASE("8.2.1 a name with a space", RESETS, PROTOCOL, H(END, 1, TO_X "x y: z|")),
    CASE("8.2.1 a name with a control byte", RESETS, PROTOCOL, H(END, 1, TO_X "x\x01: z|")),
    CASE("8.2.1 a value with a line feed", RESETS, PROTOCOL, H(END, 1, TO_X "x: y\nz|")),
    CASE("8.2.1 a value with a carriage return", RESETS, PROTOCOL, H(END, 1, TO_X "x: y\rz|")),
    CASE("8.2.1 a value with a NUL", RESETS, PROTOCOL, H(END, 1, TO_X "x: y\0z|")),
    CASE("8.2.1 a value with a space in front", RESETS, PROTOCOL, H(END, 1, TO_X "x:  y|")),
    CASE("8.2.1 a value with a tab behind", RESETS, PROTOCOL, H(END, 1, TO_X "x: y\t|")),
    CASE("8.2.2 connection", RESETS, PROTOCOL, H(END, 1, TO_X "connection: close|")),
    CASE("8.2.2 keep-alive", RESETS, PROTOCOL, H(END, 1, TO_X "keep-alive: 1|")),
    CASE("8.2.2 transfer-encoding", RESETS, PROTOCOL, H(0, 1, POST "transfer-encoding: chunked|")),
    CASE("8.2.2 proxy-connection", RESETS, PROTOCOL, H(END, 1, TO_X "proxy-connection: x|")),
    CASE("8.2.2 upgrade", RESETS, PROTOCOL, H(END, 1, TO_X "upgrade: x|")),
    CASE("8.2.2 te of another value than trailers", RESETS, PROTOCOL, H(END, 1, TO_X "te: gzip|")),
    CASE("8.2.2 te of trailers", SERVES, NONE, H(END, 1, TO_X "te: trailers|")),
    CASE("8.3 a pseudo-header field behind others", RESETS, PROTOCOL,
         H(END, 1, ":method: GET|:scheme: http|:authority: x|a: b|:path: /|")),
    CASE("8.3 an unknown pseudo-header field", RESETS, PROTOCOL, H(END, 1, TO_X ":x: y|")),
    CASE("8.3 one of responses", RESETS, PROTOCOL, H(END, 1, TO_X ":status: 200|")),
    CASE("8.3 one twice", RESETS, PROTOCOL, H(END, 1, TO_X ":path: /|")),
    CASE("8.3.1 no method", RESETS, PROTOCOL, H(END, 1, ":scheme: http|:authority: x|:path: /|")),
    CASE("8.3.1 no scheme", RESETS, PROTOCOL, H(END, 1, ":method: GET|:authority: x|:path: /|")),
    CASE("8.3.1 no path", RESETS, PROTOCOL, H(END, 1, ":method: GET|:scheme: http|:authority: x|")),
    CASE("8.3.1 an empty path", RESETS, PROTOCOL,
         H(END, 1, ":method: GET|:scheme: http|:authority: x|:path: |")),
    CASE("8.3.1 an authority with a user", RESETS, PROTOCOL,
         H(END, 1, ":method: GET|:scheme: http|:authority: u@x|:path: /|")),
    CASE("8.3.1 another Host", RESETS, PROTOCOL, H(END, 1, TO_X "host: y|")),
    CASE("8.3.1 Host alone", SERVES, NONE,
         H(END, 1, ":method: GET|:scheme: http|:path: /|host: x|")),

    // RFC 7541.
    CASE("7541 2.3.3 an index past the tables", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, "\x82\x86\x84\xff\x60")),
    CASE("7541 5.1 an integer without an end", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
    CASE("7541 5.2 padding of a byte", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, BLOCK "\0\1a\x82\x1f\xff")),
    CASE("7541 5.2 padding of zeros", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, BLOCK "\0\1a\x81\x18")),
    CASE("7541 5.2 the end of strings within one", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, BLOCK "\0\1a\x84\xff\xff\xff\xff")),
    CASE("7541 6.1 index 0", DIES, COMPRESSION, F(HEADERS, END | WHOLE, 1, "\x82\x86\x84\x80")),
    CASE("7541 6.2 a literal that is cut", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, BLOCK "\0\1a\5xy")),
    CASE("7541 4.2 a table past the limit", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, "\x3f\xe2\x1f" BLOCK)),
    CASE("7541 4.2 a table as large as it may be", SERVES, NONE,
         F(HEADERS, END | WHOLE, 1, "\x3f\xe1\x1f" BLOCK)),
    CASE("7541 4.2 no table", SERVES, NONE, F(HEADERS, END | WHOLE, 1, "\x20" BLOCK)),
    CASE("7541 4.2 a change of the table within a block", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, BLOCK "\x20")),
    CASE("7541 4.2 an entry that is gone", DIES, COMPRESSION,
         F(HEADERS, END | WHOLE, 1, "\x82\x86\x84\x41\x01x"),
         F(HEADERS, END | WHOLE, 3, "\x20\x82\x86\x84\xbe")),
    CASE("7541 2.3.2 an entry of before", SERVES, NONE,
         F(HEADERS, END | WHOLE, 1, "\x82\x86\x84\x41\x01x"),
         F(HEADERS, END | WHOLE, 3, "\x82\x86\x84\xbe")),
    CASE("7541 C.3", SERVES, NONE,
         F(HEADERS, END | WHOLE, 1, "\x82\x86\x84\x41\x0fwww.example.com"),
         F(HEADERS, END | WHOLE, 3, "\x82\x86\x84\xbe\x58\x08no-cache"),
         F(HEADERS, END | WHOLE, 5,
           "\x82\x87\x85\xbf\x40\x0a"
           "custom-key\x0c"
           "custom-value")),
    CASE(
        "7541 C.4", SERVES, NONE,
        F(HEADERS, END | WHOLE, 1,
          "\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
        F(HEADERS, END | WHOLE, 3, "\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf"),
        F(HEADERS, END | WHOLE, 5,
          "\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8"
          "\xb4\xbf")),
};

struct bench {
    struct echo_server echo;
    struct h2_peer peer;
};

static void bench_init(struct bench *b)
{
    echo_server_init(&b->echo);
    server_accept(&b->echo.server,
                  h2_peer_connect(&b->peer, &b->echo.loop, (struct memory_stream_options){0}));
}

static void bench_begin(struct bench *b)
{
    bench_init(b);
    h2_peer_begin(&b->peer);
    echo_server_settle(&b->echo);
    h2_peer_frame(&b->peer, SETTINGS, ACK, 0, STR(""));
    h2_peer_forget(&b->peer);
}

static void bench_done(struct bench *b)
{
    h2_peer_done(&b->peer);
    echo_server_settle(&b->echo);
    echo_server_done(&b->echo);
}

static void say(struct bench *b, const struct frame *f)
{
    static const char zeros[20'000];
    char block[4096];
    str bytes = f->bytes;

    if (f->len) bytes = (str){zeros, f->len};
    if (f->is_fields)
        bytes = (str){block, h2_peer_encode(&b->peer, f->bytes, block, sizeof(block))};
    h2_peer_frame(&b->peer, f->type, f->flags, f->id, bytes);
    echo_server_settle(&b->echo);
}

// A line that begins with `what` and ends with `code`.
static bool has_line(str told, const char *what, uint32_t code)
{
    str name = str_from_c(nghttp2_http2_strerror(code));

    while (told.len) {
        str line = str_cut(&told, '\n');
        if (str_starts(line, str_from_c(what)) && str_ends(line, name)) return true;
    }
    return false;
}

static bool goes_on(struct bench *b)
{
    h2_peer_forget(&b->peer);
    h2_peer_frame(&b->peer, PING, 0, 0, STR("87654321"));
    h2_peer_headers(&b->peer, END, 0x7fffffff, STR(TO_X));
    b->echo.is_lazy = false;
    echo_server_settle(&b->echo);
    str told = h2_peer_told(&b->peer);
    return str_find(told, STR("PING ack 87654321\n")) < told.len &&
           str_find(told, STR("HEADERS 2147483647 :status=200")) < told.len && !b->peer.client.end;
}

static bool is_as_wanted(struct bench *b, const struct sample *s)
{
    str told = h2_peer_told(&b->peer);

    switch (s->want) {
    case DIES: return has_line(told, "GOAWAY", s->code) && b->peer.client.end == ERR_EOF;
    case RESETS: return has_line(told, "RST_STREAM 1", s->code) && goes_on(b);
    case SERVES:
        return str_find(told, STR("HEADERS 1 :status=200")) < told.len &&
               str_find(told, STR("RST_STREAM")) == told.len && goes_on(b);
    case LIVES: return str_find(told, STR("RST_STREAM")) == told.len && goes_on(b);
    }
    return false;
}

TEST(h2_conformance_every_rule_is_kept)
{
    int broken = 0;

    for (size_t i = 0; i < COUNT(samples); i++) {
        const struct sample *s = &samples[i];
        struct bench b;
        bench_begin(&b);
        b.echo.is_lazy = s->is_lazy;
        for (int f = 0; f < FRAMES_MAX && (s->frames[f].bytes.ptr); f++) {
            say(&b, &s->frames[f]);
        }
        if (!is_as_wanted(&b, s)) {
            str told = h2_peer_told(&b.peer);
            fprintf(stderr, "%s: %.*s\n", s->rule, (int)told.len, told.ptr);
            broken++;
        }
        bench_done(&b);
    }
    CHECK_EQ(broken, 0);
}

TEST(h2_conformance_a_conn_begins_with_settings)
{
    static const struct sample starts[] = {
        CASE("3.4 another frame", DIES, PROTOCOL, F(PING, 0, 0, "12345678")),
        CASE("3.4 a request", DIES, PROTOCOL, H(END, 1, TO_X)),
        CASE("3.4 an acknowledgement", DIES, PROTOCOL, F(SETTINGS, ACK, 0, "")),
    };

    for (size_t i = 0; i < COUNT(starts); i++) {
        struct bench b;
        bench_init(&b);
        h2_peer_say(&b.peer, STR(NGHTTP2_CLIENT_MAGIC));
        say(&b, &starts[i].frames[0]);
        if (!is_as_wanted(&b, &starts[i])) {
            str told = h2_peer_told(&b.peer);
            test_fail(__FILE__, __LINE__, "%s: %" STR_FMT, starts[i].rule, STR_ARG(told));
        }
        bench_done(&b);
    }
}

TEST(h2_conformance_more_streams_than_allowed_are_refused)
{
    struct bench b;

    bench_begin(&b);
    b.echo.is_lazy = true;
    for (uint32_t id = 1; id <= 2 * 10; id += 2) {
        h2_peer_headers(&b.peer, END, id, STR(TO_X));
    }
    echo_server_settle(&b.echo);
    CHECK_STR(h2_peer_told(&b.peer), "");
    CHECK_EQ(b.echo.call_count, 10);
    h2_peer_headers(&b.peer, END, 21, STR(TO_X));
    echo_server_settle(&b.echo);
    str told = h2_peer_told(&b.peer);
    CHECK(has_line(told, "RST_STREAM 21", NGHTTP2_REFUSED_STREAM) ||
          has_line(told, "GOAWAY", PROTOCOL));
    CHECK_EQ(b.echo.call_count, 10);
    bench_done(&b);
}

TEST(h2_conformance_goaway_tells_the_last_stream_that_was_served)
{
    struct bench b;

    bench_begin(&b);
    h2_peer_headers(&b.peer, END, 1, STR(TO_X));
    h2_peer_headers(&b.peer, END, 5, STR(TO_X));
    echo_server_settle(&b.echo);
    h2_peer_frame(&b.peer, PING, 0, 0, STR("short"));
    echo_server_settle(&b.echo);
    CHECK(has_line(h2_peer_told(&b.peer), "GOAWAY 5 ", FRAME_SIZE));
    bench_done(&b);
}

TEST(h2_conformance_a_client_that_goes_away_gets_its_answers)
{
    struct bench b;

    bench_begin(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, END, 1, STR(TO_X));
    h2_peer_frame(&b.peer, GOAWAY, 0, 0, STR("\0\0\0\0\0\0\x42\x42why"));
    echo_server_settle(&b.echo);
    echo_server_write(&b.echo.calls[0], STR("end"), true);
    echo_server_settle(&b.echo);
    str told = h2_peer_told(&b.peer);
    CHECK(str_find(told, STR("DATA 1 END end\n")) < told.len);
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    bench_done(&b);
}

TEST(h2_conformance_a_client_that_passes_a_window_is_stopped)
{
    struct bench b;

    for (int streams = 1; streams <= 5; streams += 4) {
        bench_begin(&b);
        b.echo.is_lazy = true;
        for (int i = 0; i < streams; i++) {
            struct frame frame = ZEROS(DATA, 0, (uint32_t)(2 * i + 1), 16'384);
            h2_peer_headers(&b.peer, 0, frame.id, STR(POST));
            for (int frames = 0; frames < 16; frames++) {
                say(&b, &frame);
            }
        }
        struct frame more = F(DATA, 0, 1, "x");
        if (streams == 1) say(&b, &more);
        // Of one stream in the first round, of the connection in the second.
        CHECK(has_line(h2_peer_told(&b.peer), streams == 1 ? "RST_STREAM 1" : "GOAWAY", FLOW));
        bench_done(&b);
    }
}

TEST(h2_conformance_the_table_of_answers_is_no_larger_than_the_client_allows)
{
    struct bench b;

    bench_begin(&b);
    CHECK_EQ(nghttp2_hd_inflate_change_table_size(b.peer.inflater, 0), 0);
    h2_peer_frame(&b.peer, SETTINGS, 0, 0, STR("\0\1\0\0\0\0"));
    for (uint32_t id = 1; id < 9; id += 2) {
        h2_peer_headers(&b.peer, END, id, STR(TO_X));
        echo_server_settle(&b.echo);
    }
    str told = h2_peer_told(&b.peer);
    CHECK(str_find(told, STR("HEADERS 7 :status=200 content-length=6\n")) < told.len);
    CHECK_EQ(nghttp2_hd_inflate_get_dynamic_table_size(b.peer.inflater), 0);
    bench_done(&b);
}
