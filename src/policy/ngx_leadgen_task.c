
/*
 * Tasks: job=TASK(NAME=SOURCE,...) of a policy line goes in, the task and where
 * its arguments come from come out, checked against the table of tasks.
 */


#include "ngx_leadgen_policy.h"


#define NGX_LEADGEN_TASK_REQUIRED  1
#define NGX_LEADGEN_TASK_OPTIONAL  0


typedef struct {
    ngx_str_t                  task;
    ngx_str_t                  name;
    ngx_uint_t                 required;
} ngx_leadgen_task_kwarg_t;


static ngx_int_t ngx_leadgen_task_argument(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_str_t *word);
static ngx_int_t ngx_leadgen_task_source(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule, ngx_leadgen_argument_t *argument);
static ngx_int_t ngx_leadgen_task_complete(ngx_conf_t *cf,
    ngx_leadgen_rule_t *rule);
static ngx_uint_t ngx_leadgen_task_is(const ngx_str_t *one,
    const ngx_str_t *other);


static const ngx_str_t  ngx_leadgen_task_names[] = {
#define TASK(name, full, queue, description)  ngx_string(name),
#include "tables/tasks.def"
};


static const char  ngx_leadgen_task_list[] =
#define TASK(name, full, queue, description)  " " name
#include "tables/tasks.def"
;


static const ngx_leadgen_task_kwarg_t  ngx_leadgen_task_kwargs[] = {
#define KWARG(task, name, type, need, minimum, maximum, choices)              \
    { ngx_string(task), ngx_string(name), NGX_LEADGEN_TASK_##need },
#include "tables/tasks.def"
};


#define NGX_LEADGEN_TASK_NKWARGS                                              \
    (sizeof(ngx_leadgen_task_kwargs) / sizeof(ngx_leadgen_task_kwargs[0]))


ngx_int_t
ngx_leadgen_task_parse(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    const ngx_str_t *value)
{
    u_char      *p, *last, *comma;
    ngx_str_t    word;
    ngx_uint_t   i, n;

    last = value->data + value->len;
    p = ngx_strlchr(value->data, last, '(');

    if (rule->task.len || p == NULL || last[-1] != ')') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"job=%V\" is not TASK(NAME=SOURCE,...), or "
                           "another job of this line", value);
        return NGX_ERROR;
    }

    rule->task.data = value->data;
    rule->task.len = p - value->data;

    n = sizeof(ngx_leadgen_task_names) / sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {
        if (ngx_leadgen_task_is(&ngx_leadgen_task_names[i], &rule->task)) {
            break;
        }
    }

    if (i == n) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown job \"%V\": use "
                           "one of%s", &rule->task,
                           ngx_leadgen_task_list);
        return NGX_ERROR;
    }

    rule->arguments = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_leadgen_argument_t));

    if (rule->captures == NULL) {
        rule->captures = ngx_array_create(cf->pool, 2,
                                          sizeof(ngx_leadgen_capture_t));
    }

    if (rule->arguments == NULL || rule->captures == NULL) {
        return NGX_ERROR;
    }

    for (p++, last--; p < last; p = comma + 1) {
        comma = ngx_strlchr(p, last, ',');
        comma = comma ? comma : last;

        word.data = p;
        word.len = comma - p;

        if (ngx_leadgen_task_argument(cf, rule, &word) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_leadgen_task_complete(cf, rule);
}


static ngx_int_t
ngx_leadgen_task_argument(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_str_t *word)
{
    u_char                  *equals;
    ngx_uint_t               i;
    ngx_leadgen_argument_t  *argument, *before;

    equals = ngx_strlchr(word->data, word->data + word->len, '=');

    if (equals == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in job= is not NAME=SOURCE", word);
        return NGX_ERROR;
    }

    argument = ngx_array_push(rule->arguments);
    if (argument == NULL) {
        return NGX_ERROR;
    }

    before = rule->arguments->elts;

    argument->name.data = word->data;
    argument->name.len = equals - word->data;
    argument->source.data = equals + 1;
    argument->source.len = word->data + word->len - argument->source.data;

    for (i = 0; i < rule->arguments->nelts - 1; i++) {
        if (ngx_leadgen_task_is(&before[i].name, &argument->name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "argument \"%V\" stands twice in job=",
                               &argument->name);
            return NGX_ERROR;
        }
    }

    for (i = 0; i < NGX_LEADGEN_TASK_NKWARGS; i++) {
        if (ngx_leadgen_task_is(&ngx_leadgen_task_kwargs[i].task, &rule->task)
            && ngx_leadgen_task_is(&ngx_leadgen_task_kwargs[i].name,
                                   &argument->name))
        {
            return ngx_leadgen_task_source(cf, rule, argument);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "job \"%V\" has no argument \"%V\"", &rule->task,
                       &argument->name);

    return NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_task_source(ngx_conf_t *cf, ngx_leadgen_rule_t *rule,
    ngx_leadgen_argument_t *argument)
{
    ngx_str_t   name, *param;
    ngx_uint_t  i;

    argument->param = NGX_ERROR;

    if (argument->source.len == 0 || argument->source.data[0] != ':') {
        return ngx_leadgen_capture_add(cf, rule, &argument->source);
    }

    name.data = argument->source.data + 1;
    name.len = argument->source.len - 1;
    param = rule->params.elts;

    for (i = 0; i < rule->params.nelts; i++) {
        if (ngx_leadgen_task_is(&param[i], &name)) {
            argument->param = i;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "path \"%V\" has no \"%V\", which job= names",
                       &rule->path, &argument->source);

    return NGX_ERROR;
}


static ngx_int_t
ngx_leadgen_task_complete(ngx_conf_t *cf, ngx_leadgen_rule_t *rule)
{
    ngx_uint_t                       i, n;
    ngx_leadgen_argument_t          *argument;
    const ngx_leadgen_task_kwarg_t  *kwarg;

    argument = rule->arguments->elts;

    for (i = 0; i < NGX_LEADGEN_TASK_NKWARGS; i++) {
        kwarg = &ngx_leadgen_task_kwargs[i];

        if (!kwarg->required || !ngx_leadgen_task_is(&kwarg->task, &rule->task))
        {
            continue;
        }

        for (n = 0; n < rule->arguments->nelts; n++) {
            if (ngx_leadgen_task_is(&kwarg->name, &argument[n].name)) {
                break;
            }
        }

        if (n == rule->arguments->nelts) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "job \"%V\" needs an argument \"%V\"",
                               &rule->task, &kwarg->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_leadgen_task_is(const ngx_str_t *one, const ngx_str_t *other)
{
    return one->len == other->len
           && ngx_strncmp(one->data, other->data, one->len) == 0;
}
