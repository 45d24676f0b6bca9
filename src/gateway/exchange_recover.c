// Design: the text that the client has is a prefix that any further answer must keep. A target that
// can go on from it (a prefill) is asked to; of any other the whole answer is asked again, and it
// passes only from where it has told that very text. What a text can't stand for is not recovered:
// calls of tools, several choices, logprobs. When in doubt, the client is told of the error.
#include "gateway/exchange_private.h"
#include "provider/openai_continue.h"

enum { RECOVERIES_MAX = 3 };

bool exchange_recover_may(const struct exchange *x)
{
    const struct settings_model *m = x->plan.model ? x->plan.model->settings : NULL;

    if (!m || !str_eq(m->recovery, STR("continue"))) return false;
    if (!x->route.is_translated) return false; // no chat
    if (x->request.choice_count > 1 || x->request.has_logprobs || !x->request.is_stream)
        return false;
    if (x->is_released && !transcript_can_stand(&x->transcript)) return false;
    // Whoever goes on with the bytes of another stream goes on with its first block.
    if (!x->is_translated && x->relay.manner == RELAY_FIRST && x->relay.stream.text_block > 1)
        return false;
    return x->recoveries < RECOVERIES_MAX && buf_len(&x->body) > 0;
}

static enum openai_prefill prefill_of(const struct exchange *x)
{
    str kind = x->choice.target->settings->prefill;

    if (x->choice.cell->refuses_prefill) return OPENAI_PREFILL_NONE;
    if (str_eq(kind, STR("plain"))) return OPENAI_PREFILL_PLAIN;
    if (str_eq(kind, STR("prefix"))) return OPENAI_PREFILL_PREFIX;
    return str_eq(kind, STR("vllm")) ? OPENAI_PREFILL_VLLM : OPENAI_PREFILL_NONE;
}

static bool prepare_prefill(struct exchange *x)
{
    enum openai_prefill kind = prefill_of(x);

    buf_done(&x->remade);
    if (kind == OPENAI_PREFILL_NONE || x->transcript.is_ended) return false;
    // The translation of the request has it at its end.
    if (exchange_request_is_foreign(x))
        return kind == OPENAI_PREFILL_PLAIN && !x->request.has_tools &&
               !x->request.has_response_format;
    return openai_continue_body(&x->remade, buf_view(&x->body), &x->request,
                                buf_view(&x->transcript.text), x->transcript.tokens, kind) == OK;
}

bool exchange_recover_prepare(struct exchange *x)
{
    struct flight *f = &x->flight;
    usec now = x->gateway->loop->now_us;

    if (!transcript_can_stand(&x->transcript)) return false;
    if (prepare_prefill(x)) {
        x->relay.manner = RELAY_CONTINUE;
        flight_note(f, now, FLIGHT_CONTINUE, (uint32_t)buf_len(&x->transcript.text));
    } else {
        buf_done(&x->remade);
        x->relay.manner = RELAY_REPLAY;
        flight_note(f, now, FLIGHT_REPLAY, (uint32_t)buf_len(&x->transcript.text));
    }
    return true;
}
