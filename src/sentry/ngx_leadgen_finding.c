
/*
 * Findings: what somebody else says of an error goes in, the members of a
 * report that tell it come out.
 */


#include "ngx_leadgen_writer.h"


static void ngx_leadgen_finding_names(ngx_leadgen_writer_t *writer,
    const ngx_array_t *values);


void
ngx_leadgen_finding_frames(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_finding_t *finding)
{
    ngx_uint_t                          i;
    const ngx_leadgen_finding_frame_t  *frame;

    if (finding == NULL || finding->frames.nelts == 0) {
        return;
    }

    ngx_leadgen_writer_open(writer, "stacktrace", '{');
    ngx_leadgen_writer_open(writer, "frames", '[');

    frame = finding->frames.elts;

    for (i = 0; i < finding->frames.nelts; i++) {
        ngx_leadgen_writer_open(writer, NULL, '{');
        ngx_leadgen_writer_text(writer, "filename", &frame[i].filename);
        ngx_leadgen_writer_text(writer, "function", &frame[i].function);
        ngx_leadgen_writer_text(writer, "module", &frame[i].module);

        if (frame[i].lineno) {
            ngx_leadgen_writer_number(writer, "lineno", frame[i].lineno);
        }

        ngx_leadgen_writer_flag(writer, "in_app", frame[i].in_app);
        ngx_leadgen_writer_close(writer, '}');
    }

    ngx_leadgen_writer_close(writer, ']');
    ngx_leadgen_writer_close(writer, '}');
}


void
ngx_leadgen_finding_tags(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_finding_t *finding)
{
    if (finding) {
        ngx_leadgen_finding_names(writer, &finding->tags);
    }
}


void
ngx_leadgen_finding_contexts(ngx_leadgen_writer_t *writer,
    const ngx_leadgen_finding_t *finding)
{
    ngx_uint_t                            i;
    const ngx_leadgen_finding_context_t  *context;

    if (finding == NULL) {
        return;
    }

    context = finding->contexts.elts;

    for (i = 0; i < finding->contexts.nelts; i++) {

        /* of a plain name: see who fills it */

        ngx_leadgen_writer_open(writer, (char *) context[i].name.data, '{');
        ngx_leadgen_finding_names(writer, &context[i].values);
        ngx_leadgen_writer_close(writer, '}');
    }
}


static void
ngx_leadgen_finding_names(ngx_leadgen_writer_t *writer,
    const ngx_array_t *values)
{
    ngx_uint_t                       i;
    const ngx_leadgen_sentry_tag_t  *value;

    value = values->elts;

    for (i = 0; i < values->nelts; i++) {
        ngx_leadgen_writer_name(writer, &value[i].key, &value[i].value);
    }
}
