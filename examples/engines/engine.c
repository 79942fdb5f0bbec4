/* An engine of scalars in C11, in one file and with nothing but the standard library:

       cc -O2 examples/engines/engine.c -o engine -lm
       gradcheck run ./engine

   Arrays are taken apart into numbers. Every operation on two numbers is noted on a tape with its two slopes; the tape is then
   gone through backwards. float32 is computed in double and rounded after each operation, which is what float32 would give.
   Built with -DBROKEN, the slope of tanh is 1 - y where 1 - y * y is right.

   In this order: errors and memory, the tape, JSON, arrays, operations, the protocol (docs/protocol.md). */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BROKEN
#define NAME "scalars-broken"
#else
#define NAME "scalars"
#endif

/* -- errors and memory: an error ends the request, and the memory of a request is freed as a whole ---------------------------- */

static jmp_buf failed;
static int unsupported; /* whether the graph has something that this engine has not */
static char reason[200];

static void fail(int lacking, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    unsupported = lacking;
    longjmp(failed, 1);
}

typedef struct block {
    struct block *next;
    max_align_t data[];
} block;

static block *blocks;

static void *get(size_t bytes)
{
    block *made = calloc(1, sizeof(block) + bytes);
    if (!made)
        fail(0, "out of memory");
    made->next = blocks;
    blocks = made;
    return made->data;
}

static void free_all(void)
{
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

/* -- the tape ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
    double value, adjoint;
    int first, second; /* the numbers that it was made of, or -1 */
    double slopes[2];
} scalar;

static scalar *tape;
static int length, capacity;
static int single; /* whether to round to float32 */

static double rounded(double x) { return single ? (float)x : x; }

static int noted(double value, int first, double slope1, int second, double slope2)
{
    if (length == capacity) {
        capacity = capacity ? 2 * capacity : 1 << 16;
        scalar *larger = realloc(tape, capacity * sizeof *tape);
        if (!larger)
            fail(0, "out of memory");
        tape = larger;
    }
    tape[length] = (scalar){rounded(value), 0, first, second, {rounded(slope1), rounded(slope2)}};
    return length++;
}

static int number(double value) { return noted(value, -1, 0, -1, 0); }
static int copied(int a) { return noted(tape[a].value, a, 1, -1, 0); } /* with an adjoint of its own */
static int plus(int a, int b) { return noted(tape[a].value + tape[b].value, a, 1, b, 1); }
static int minus(int a, int b) { return noted(tape[a].value - tape[b].value, a, 1, b, -1); }
static int times(int a, int b) { return noted(tape[a].value * tape[b].value, a, tape[b].value, b, tape[a].value); }

static int over(int a, int b)
{
    double y = rounded(tape[a].value / tape[b].value);
    return noted(y, a, 1 / tape[b].value, b, -y / tape[b].value);
}

static int scaled(int a, double factor) { return noted(tape[a].value * rounded(factor), a, factor, -1, 0); }

static int larger(int a, int b)
{
    int first = tape[a].value >= tape[b].value;
    return noted(first ? tape[a].value : tape[b].value, a, first, b, !first);
}

static void receive(int k, double gradient)
{
    if (k >= 0)
        tape[k].adjoint = rounded(tape[k].adjoint + rounded(gradient));
}

static void backward(int output)
{
    tape[output].adjoint = 1;
    for (int k = output; k >= 0; k--) {
        receive(tape[k].first, tape[k].adjoint * tape[k].slopes[0]);
        receive(tape[k].second, tape[k].adjoint * tape[k].slopes[1]);
    }
}

/* -- JSON: null, true, false and texts are kept as they stand; a request spells a name in one way ----------------------------- */

typedef struct json {
    enum { NUMBER, TEXT, LIST, OBJECT } kind;
    double number;
    const char *text;
    int count;
    struct json *items; /* of an object: name, value, name, value, ... */
} json;

static const char *begin, *at; /* of the request; what is still to be read */

static json value(void);

static int taken(char c)
{
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
        at++;
    return *at == c && at++;
}

static void expect(char c)
{
    if (!taken(c))
        fail(0, "expected JSON; it goes wrong at character %ld", (long)(at - begin));
}

static const char *text(void)
{
    const char *start = at;
    while (*at && *at != '"')
        at += at[0] == '\\' && at[1] ? 2 : 1;
    char *copy = get(at - start + 1);
    memcpy(copy, start, at - start);
    expect('"');
    return copy;
}

static void append(json *to, int *room, json item)
{
    if (to->count == *room) {
        *room = *room ? 2 * *room : 8;
        json *larger = get(*room * sizeof(json));
        if (to->count)
            memcpy(larger, to->items, to->count * sizeof(json));
        to->items = larger;
    }
    to->items[to->count++] = item;
}

static json list(char end)
{
    json made = {end == '}' ? OBJECT : LIST, 0, "", 0, NULL};
    int room = 0;
    if (taken(end))
        return made;
    do {
        append(&made, &room, value());
        if (end == '}') {
            expect(':');
            append(&made, &room, value());
        }
    } while (taken(','));
    expect(end);
    return made;
}

static json value(void)
{
    if (taken('['))
        return list(']');
    if (taken('{'))
        return list('}');
    if (taken('"'))
        return (json){TEXT, 0, text(), 0, NULL};
    static const char *const words[] = {"null", "true", "false"};
    for (int k = 0; k < 3; k++)
        if (!strncmp(at, words[k], strlen(words[k]))) {
            at += strlen(words[k]);
            return (json){TEXT, k == 1, words[k], 0, NULL};
        }
    char *end;
    double read = strtod(at, &end);
    if (end == at)
        fail(0, "expected JSON; it goes wrong at character %ld", (long)(at - begin));
    at = end;
    return (json){NUMBER, read, "", 0, NULL};
}

static const json *field(const json *object, const char *name)
{
    for (int k = 0; k + 1 < object->count; k += 2)
        if (!strcmp(object->items[k].text, name))
            return &object->items[k + 1];
    fail(0, "expected %s in the request", name);
    return NULL;
}

/* -- arrays ------------------------------------------------------------------------------------------------------------------- */

enum { MOST_AXES = 8 };

typedef struct {
    int rank, shape[MOST_AXES], size;
    int *at; /* places on the tape */
} array;

static array shaped(int rank, const int *shape)
{
    array made = {.rank = rank, .size = 1};
    if (rank > MOST_AXES)
        fail(1, "more than %d axes", MOST_AXES);
    for (int k = 0; k < rank; k++)
        made.size *= made.shape[k] = shape[k];
    made.at = get((made.size + 1) * sizeof(int));
    return made;
}

/* Count an index up in C order. */
static void next(int rank, const int *shape, int *index)
{
    for (int k = rank - 1; k >= 0 && ++index[k] == shape[k]; k--)
        index[k] = 0;
}

/* Return the place of an entry; axes of length one are repeated. */
static int entry(const array *x, const int *index)
{
    int flat = 0;
    for (int k = 0; k < x->rank; k++)
        flat = flat * x->shape[k] + (x->shape[k] == 1 ? 0 : index[k]);
    return x->at[flat];
}

/* Return x with axes of length one in front. */
static array padded(array x, int rank)
{
    array made = x;
    made.rank = rank;
    for (int k = 0; k < rank; k++)
        made.shape[k] = k < rank - x.rank ? 1 : x.shape[k - rank + x.rank];
    return made;
}

static array broadcast(int (*f)(int, int), array a, array b)
{
    int shape[MOST_AXES], index[MOST_AXES] = {0}, rank = a.rank > b.rank ? a.rank : b.rank;
    a = padded(a, rank);
    b = padded(b, rank);
    for (int k = 0; k < rank; k++)
        shape[k] = a.shape[k] == 1 ? b.shape[k] : a.shape[k];
    array y = shaped(rank, shape);
    for (int k = 0; k < y.size; k++, next(rank, shape, index))
        y.at[k] = f(entry(&a, index), entry(&b, index));
    return y;
}

/* Mark axes (one, several, or null for all) in `marked`. */
static void mark(const json *axes, int rank, int *marked)
{
    memset(marked, 0, MOST_AXES * sizeof(int));
    for (int k = 0; k < rank; k++)
        marked[k] = axes->kind == TEXT;
    if (axes->kind == NUMBER)
        marked[((int)axes->number + rank) % rank] = 1;
    for (int k = 0; k < axes->count; k++)
        marked[((int)axes->items[k].number + rank) % rank] = 1;
}

/* Fold the marked axes: f of an entry and what was folded before. Nothing folded gives `empty`. */
static array folded(array x, const int *marked, int keep, int (*f)(int, int), double empty)
{
    int kept[MOST_AXES], dropped[MOST_AXES], rank = 0, index[MOST_AXES] = {0};
    for (int k = 0; k < x.rank; k++) {
        kept[k] = marked[k] ? 1 : x.shape[k];
        if (!marked[k])
            dropped[rank++] = x.shape[k];
    }
    array y = shaped(x.rank, kept);
    memset(y.at, -1, y.size * sizeof(int));
    for (int k = 0; k < x.size; k++, next(x.rank, x.shape, index)) {
        int place = 0;
        for (int i = 0; i < x.rank; i++)
            place = place * kept[i] + (marked[i] ? 0 : index[i]);
        y.at[place] = y.at[place] < 0 ? copied(x.at[k]) : f(y.at[place], x.at[k]);
    }
    for (int k = 0; k < y.size; k++)
        if (y.at[k] < 0)
            y.at[k] = number(empty);
    if (!keep) {
        y.rank = rank;
        memcpy(y.shape, dropped, rank * sizeof(int));
    }
    return y;
}

/* -- operations: see `gradcheck list ops` --------------------------------------------------------------------------------------- */

typedef array operation(const array *x, int count, const json *attributes);

static double logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

/* FUNCTION(name, value of x, slope of x and y) is a function of one number and its operation */
#define FUNCTION(name, of, slope)                                        \
    static int one_##name(int a)                                         \
    {                                                                    \
        double x = tape[a].value, y = rounded(of);                       \
        (void)y;                                                         \
        return noted(of, a, slope, -1, 0);                               \
    }                                                                    \
    static array op_##name(const array *x, int count, const json *a)     \
    {                                                                    \
        array y = shaped(x->rank, x->shape);                             \
        for (int k = 0; k < y.size; k++)                                 \
            y.at[k] = one_##name(x->at[k]);                              \
        return y;                                                        \
    }

FUNCTION(neg, -x, -1)
FUNCTION(exp, exp(x), y)
FUNCTION(log, log(x), 1 / x)
FUNCTION(sqrt, sqrt(x), 0.5 / y)
FUNCTION(square, (x * x), 2 * x)
FUNCTION(reciprocal, 1 / x, -(y * y))
FUNCTION(abs, fabs(x), (x > 0) - (x < 0))
FUNCTION(sin, sin(x), cos(x))
FUNCTION(cos, cos(x), -sin(x))
#ifdef BROKEN
FUNCTION(tanh, tanh(x), 1 - y)
#else
FUNCTION(tanh, tanh(x), 1 - (y * y))
#endif
FUNCTION(logistic, logistic(x), (y * (1 - y)))
FUNCTION(softplus, softplus(x), logistic(x))
FUNCTION(relu, x < 0 ? 0 : x, x > 0)
FUNCTION(swish, (x * logistic(x)), logistic(x) * (1 + x * (1 - logistic(x))))

#define OPERATOR(name, f) \
    static array op_##name(const array *x, int count, const json *a) { return broadcast(f, x[0], x[1]); }

OPERATOR(add, plus)
OPERATOR(sub, minus)
OPERATOR(mul, times)
OPERATOR(div, over)
OPERATOR(maximum, larger)

static array scaled_all(array x, double factor)
{
    array y = shaped(x.rank, x.shape);
    for (int k = 0; k < x.size; k++)
        y.at[k] = scaled(x.at[k], factor);
    return y;
}

static array op_sum(const array *x, int count, const json *a)
{
    int marked[MOST_AXES];
    mark(field(a, "axes"), x->rank, marked);
    return folded(*x, marked, (int)field(a, "keepdims")->number, plus, 0);
}

static array op_mean(const array *x, int count, const json *a)
{
    array y = op_sum(x, count, a);
    return scaled_all(y, (double)y.size / x->size);
}

static array op_matmul(const array *x, int count, const json *attributes)
{
    array a = x[0], b = x[1], y;
    int shape[2], rank = 0;
    if (a.rank > 2 || b.rank > 2)
        fail(1, "matrices in batches");
    int inner = b.shape[0], wide = b.rank == 2 ? b.shape[1] : 1;
    if (a.rank == 2)
        shape[rank++] = a.shape[0];
    if (b.rank == 2)
        shape[rank++] = b.shape[1];
    y = shaped(rank, shape);
    for (int k = 0; k < y.size; k++) {
        int sum = -1;
        for (int i = 0; i < inner; i++) {
            int product = times(a.at[k / wide * inner + i], b.at[i * wide + k % wide]);
            sum = i ? plus(sum, product) : product;
        }
        y.at[k] = inner ? sum : number(0);
    }
    return y;
}

static array op_dense(const array *x, int count, const json *attributes)
{
    return broadcast(plus, op_matmul(x, count, attributes), x[2]);
}

/* Return x less the largest along the marked axes, which is taken as a number: its gradient is 0. */
static array lowered(array x, const int *marked)
{
    array top = folded(x, marked, 1, larger, 0);
    for (int k = 0; k < top.size; k++)
        top.at[k] = number(tape[top.at[k]].value);
    return broadcast(minus, x, top);
}

static array op_softmax(const array *x, int count, const json *a)
{
    int marked[MOST_AXES];
    mark(field(a, "axis"), x->rank, marked);
    array d = lowered(*x, marked), e = op_exp(&d, count, a);
    return broadcast(over, e, folded(e, marked, 1, plus, 0));
}

/* Reduce entries of a loss as its attribute says. */
static array reduced(array entries, const json *a)
{
    const char *how = field(a, "reduction")->text;
    int all[MOST_AXES] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (!strcmp(how, "none"))
        return entries;
    array y = folded(entries, all, 0, plus, 0);
    return strcmp(how, "mean") ? y : scaled_all(y, 1.0 / entries.size);
}

static int squared_difference(int a, int b) { return one_square(minus(a, b)); }
static int half_squared_difference(int a, int b) { return scaled(squared_difference(a, b), 0.5); }

#define LOSS(name, f) \
    static array op_##name(const array *x, int count, const json *a) { return reduced(broadcast(f, x[0], x[1]), a); }

LOSS(squared_error, squared_difference)
LOSS(half_squared_error, half_squared_difference)

static array op_cross_entropy(const array *x, int count, const json *a) /* -sum q log p along the axis */
{
    int marked[MOST_AXES];
    mark(field(a, "axis"), x->rank, marked);
    array terms = broadcast(times, x[1], op_log(x, count, a));
    return reduced(scaled_all(folded(terms, marked, 0, plus, 0), -1), a);
}

/* Return the entries of x in their order under another shape. */
static array renamed(array x, int rank, const int *shape)
{
    array y = shaped(rank, shape);
    for (int k = 0; k < y.size; k++)
        y.at[k] = copied(x.at[k]);
    return y;
}

static int whole_numbers(const json *from, int *to)
{
    if (from->kind == NUMBER) {
        to[0] = (int)from->number;
        return 1;
    }
    if (from->count > MOST_AXES)
        fail(1, "more than %d axes", MOST_AXES);
    for (int k = 0; k < from->count; k++)
        to[k] = (int)from->items[k].number;
    return from->count;
}

static array op_reshape(const array *x, int count, const json *a)
{
    int shape[MOST_AXES], rank = whole_numbers(field(a, "shape"), shape), known = 1, free = -1;
    for (int k = 0; k < rank; k++)
        if (shape[k] < 0)
            free = k;
        else
            known *= shape[k];
    if (free >= 0)
        shape[free] = x->size / known;
    return renamed(*x, rank, shape);
}

static array op_squeeze(const array *x, int count, const json *a)
{
    int marked[MOST_AXES], shape[MOST_AXES], rank = 0;
    mark(field(a, "axes"), x->rank, marked);
    for (int k = 0; k < x->rank; k++)
        if (!marked[k] || x->shape[k] != 1)
            shape[rank++] = x->shape[k];
    return renamed(*x, rank, shape);
}

static array op_transpose(const array *x, int count, const json *a)
{
    int shape[MOST_AXES], axes[MOST_AXES], index[MOST_AXES] = {0}, source[MOST_AXES];
    int given = whole_numbers(field(a, "axes"), axes);
    for (int k = 0; k < x->rank; k++) {
        axes[k] = given ? (axes[k] + x->rank) % x->rank : x->rank - 1 - k;
        shape[k] = x->shape[axes[k]];
    }
    array y = shaped(x->rank, shape);
    for (int k = 0; k < y.size; k++, next(x->rank, shape, index)) {
        for (int i = 0; i < x->rank; i++)
            source[axes[i]] = index[i];
        y.at[k] = copied(entry(x, source));
    }
    return y;
}

static array op_concatenate(const array *x, int count, const json *a)
{
    int rank = x->rank, shape[MOST_AXES], index[MOST_AXES] = {0};
    int axis = ((int)field(a, "axis")->number + rank) % rank;
    memcpy(shape, x->shape, sizeof shape);
    for (int k = 1; k < count; k++)
        shape[axis] += x[k].shape[axis];
    array y = shaped(rank, shape);
    for (int k = 0; k < y.size; k++, next(rank, shape, index)) {
        int part = 0, inner[MOST_AXES];
        memcpy(inner, index, sizeof inner);
        while (inner[axis] >= x[part].shape[axis])
            inner[axis] -= x[part++].shape[axis];
        y.at[k] = copied(entry(&x[part], inner));
    }
    return y;
}

#define ROW(name) {#name, op_##name}
static const struct {
    const char *name;
    operation *f;
} operations[] = {
    ROW(neg), ROW(exp), ROW(log), ROW(sqrt), ROW(square), ROW(reciprocal), ROW(abs), ROW(sin), ROW(cos), ROW(tanh), ROW(logistic),
    ROW(softplus), ROW(relu), ROW(swish), ROW(add), ROW(sub), ROW(mul), ROW(div), ROW(maximum), ROW(sum), ROW(mean), ROW(matmul),
    ROW(dense), ROW(softmax), ROW(cross_entropy), ROW(squared_error), ROW(half_squared_error), {"mean_squared_error", op_squared_error},
    ROW(reshape), ROW(squeeze), ROW(transpose), ROW(concatenate),
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

/* -- the protocol ------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    array x;
} named;

static array *found(named *all, int count, const char *name)
{
    for (int k = count - 1; k >= 0; k--)
        if (!strcmp(all[k].name, name))
            return &all[k].x;
    fail(0, "a node reads a value that is not there");
    return NULL;
}

static array leaf(const json *given)
{
    int shape[MOST_AXES];
    array x = shaped(whole_numbers(field(given, "shape"), shape), shape);
    const json *data = field(given, "data");
    for (int k = 0; k < x.size; k++) {
        const json *v = &data->items[k]; /* "nan", "inf" and "-inf" are texts; so are true and false here */
        x.at[k] = number(v->kind == NUMBER ? v->number : strchr("tf", v->text[0]) ? v->number : strtod(v->text, NULL));
    }
    return x;
}

static array applied(const json *node, named *all, int count)
{
    const json *inputs = field(node, "inputs");
    const char *op = field(node, "op")->text;
    array *x = get(inputs->count * sizeof(array));
    for (int k = 0; k < inputs->count; k++)
        x[k] = *found(all, count, inputs->items[k].text);
    for (int k = 0; k < OPERATIONS; k++)
        if (!strcmp(operations[k].name, op))
            return operations[k].f(x, inputs->count, field(node, "attributes"));
    fail(1, "no operation %s", op);
    return x[0];
}

static void print_number(double x)
{
    printf(isfinite(x) ? "%.17g" : isnan(x) ? "\"nan\"" : x > 0 ? "\"inf\"" : "\"-inf\"", x);
}

static void print_array(const array *x, int adjoints)
{
    printf("{\"shape\":[");
    for (int k = 0; k < x->rank; k++)
        printf(k ? ",%d" : "%d", x->shape[k]);
    printf("],\"data\":[");
    for (int k = 0; k < x->size; k++) {
        if (k)
            putchar(',');
        print_number(adjoints ? tape[x->at[k]].adjoint : tape[x->at[k]].value);
    }
    printf("]}");
}

/* Print a field with values or adjoints: of the names in a list of texts, or of nodes. */
static void print_arrays(const char *name, const json *names, named *all, int count, int adjoints)
{
    printf(",\"%s\":{", name);
    for (int k = 0; k < names->count; k++) {
        const char *one = names->items[k].kind == TEXT ? names->items[k].text : field(&names->items[k], "name")->text;
        if (k)
            putchar(',');
        printf("\"%s\":", one);
        print_array(found(all, count, one), adjoints);
    }
    putchar('}');
}

static void run(long id, const json *request)
{
    const json *graph = field(request, "graph"), *values = field(request, "values"), *nodes = field(graph, "nodes");
    named *all = get((values->count / 2 + nodes->count) * sizeof(named));
    int count = 0;
    length = 0;
    single = !strcmp(field(request, "dtype")->text, "float32");
    for (int k = 0; k < values->count; k += 2, count++)
        all[count] = (named){values->items[k].text, leaf(&values->items[k + 1])};
    for (int k = 0; k < nodes->count; k++, count++) /* operands come first */
        all[count] = (named){field(&nodes->items[k], "name")->text, applied(&nodes->items[k], all, count)};
    array *loss = found(all, count, field(graph, "outputs")->items[0].text);
    if (loss->size != 1)
        fail(1, "an output that is no number");
    backward(loss->at[0]);
    printf("{\"id\":%ld,\"success\":true,\"loss\":", id); /* nothing is printed before all is computed */
    print_number(tape[loss->at[0]].value);
    print_arrays("gradients", field(request, "wrt"), all, count, 1);
    print_arrays("node_values", nodes, all, count, 0);
    print_arrays("node_adjoints", nodes, all, count, 1);
}

static void hello(long id)
{
    printf("{\"id\":%ld,\"success\":true,\"name\":\"" NAME "\",\"version\":\"1\",", id);
    printf("\"dtypes\":[\"float64\",\"float32\"],\"ops\":[");
    for (int k = 0; k < OPERATIONS; k++)
        printf(k ? ",\"%s\"" : "\"%s\"", operations[k].name);
    putchar(']');
}

static void answer(const char *line)
{
    static volatile long id; /* volatile: kept over a longjmp */
    id = -1;
    if (setjmp(failed)) {
        printf("{\"id\":%ld,\"success\":false,\"unsupported\":%s,\"error\":\"%s\"", id, unsupported ? "true" : "false", reason);
    } else {
        begin = at = line;
        json request = value();
        id = (long)field(&request, "id")->number;
        if (!strcmp(field(&request, "kind")->text, "run"))
            run(id, &request);
        else
            hello(id);
    }
    printf("}\n");
    fflush(stdout);
    free_all();
}

int main(void)
{
    size_t room = 1 << 16, used = 0;
    char *line = malloc(room);
    while (line && fgets(line + used, (int)(room - used), stdin)) {
        used += strlen(line + used);
        if (line[used - 1] == '\n') {
            answer(line);
            used = 0;
        } else if (used + 1 == room) {
            char *larger = realloc(line, room *= 2);
            if (!larger)
                break;
            line = larger;
        }
    }
    free(line);
    free(tape);
    return 0;
}
