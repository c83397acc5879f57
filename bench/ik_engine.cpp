// One timed engine of bench/compare: ik_llama.cpp behind lines of text. It reads a command a line from
// standard input and answers each with one line, "ok ..." or "error ...":
//
//   load FILE THREADS REPACKED             loads the file; REPACKED is 0 or 1
//   decode STEPS SEQUENCES CONTEXT FLASH   nanoseconds of each step; FLASH is 0 or 1
//   prefill TOKENS FLASH                   nanoseconds of the whole prompt
//
// Tokens are random: equal tokens would take the same experts, and a step would read too little.
#include "llama.h"

#include <chrono>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int kChunk = 512;       // rows of a batch, as Moka's and llama.cpp's default
constexpr int kUnmeasured = 2;    // first steps of a decode run
constexpr int kRoom = 256;        // positions kept for the steps themselves

struct Row {
    llama_token token;
    llama_pos   position;
    int         sequence;
    bool        logits;
};

class Engine {
  public:
    void load(const std::string & file, int threads, bool repacked) {
        drop_context();
        if (model_) llama_free_model(model_);
        auto params = llama_model_default_params();
        params.repack_tensors = repacked;
        params.use_mmap = false;  // pages of a mapped file are small
        model_ = llama_model_load_from_file(file.c_str(), params);
        if (!model_) throw std::runtime_error("cannot load " + file);
        threads_ = threads;
    }

    std::vector<int64_t> decode(int steps, int sequences, int context, bool flash) {
        require_context(context + kRoom, sequences, context, flash);
        for (int s = 0; s < sequences; s++) llama_kv_cache_seq_rm(context_, s, context, -1);
        std::vector<int64_t> nanos;
        for (int step = 0; step < steps + kUnmeasured; step++) {
            std::vector<Row> rows;
            for (int s = 0; s < sequences; s++) rows.push_back({token(), context + step, s, true});
            int64_t time = run(rows);
            if (step >= kUnmeasured) nanos.push_back(time);
        }
        return nanos;
    }

    int64_t prefill(int tokens, bool flash) {
        require_context(tokens, 1, 0, flash);
        llama_kv_cache_clear(context_);
        filled_ = 0;
        return run_prompt(tokens);
    }

  private:
    llama_model *   model_ = nullptr;
    llama_context * context_ = nullptr;
    llama_batch     batch_ = llama_batch_init(kChunk, 0, 1);
    std::mt19937    random_{42};
    int  threads_ = 1;
    int  capacity_ = 0, sequences_ = 0, filled_ = 0;
    bool flash_ = false;

    llama_token token() { return random_() % llama_n_vocab(model_); }

    void drop_context() {
        if (context_) llama_free(context_);
        context_ = nullptr;
    }

    // A context of at least this capacity a sequence; its first `filled` positions hold something.
    void require_context(int capacity, int sequences, int filled, bool flash) {
        if (!model_) throw std::runtime_error("no file is loaded");
        bool fits = context_ && capacity_ == capacity && sequences_ == sequences && flash_ == flash;
        if (!fits) {
            drop_context();
            auto params = llama_context_default_params();
            params.n_ctx = capacity * sequences;
            params.n_batch = params.n_ubatch = kChunk;
            params.n_seq_max = sequences + 1;
            params.n_threads = params.n_threads_batch = threads_;
            params.flash_attn = flash;
            context_ = llama_init_from_model(model_, params);
            if (!context_) throw std::runtime_error("no context of " + std::to_string(capacity) + " positions");
            capacity_ = capacity, sequences_ = sequences, flash_ = flash, filled_ = 0;
        }
        if (filled_ != filled) {
            llama_kv_cache_clear(context_);
            if (filled > 0) fill(filled, sequences);
            filled_ = filled;
        }
    }

    // One chunk is computed; its state is loaded again for each further chunk, moved to its place
    // (the keys are rotated by the move), and handed to every sequence.
    void fill(int positions, int sequences) {
        const int spare = sequences;
        run_prompt(kChunk);
        std::vector<uint8_t> state(llama_state_seq_get_size(context_, 0, 0));
        llama_state_seq_get_data(context_, state.data(), state.size(), 0, 0);
        llama_kv_cache_clear(context_);
        for (int s = 0; s < sequences; s++) {
            for (int from = 0; from < positions; from += kChunk) {
                if (llama_state_seq_set_data(context_, state.data(), state.size(), spare, 0) == 0)
                    throw std::runtime_error("cannot fill the cache");
                if (from > 0) llama_kv_cache_seq_add(context_, spare, 0, -1, from);
                llama_kv_cache_seq_cp(context_, spare, s, -1, -1);
                llama_kv_cache_seq_rm(context_, spare, -1, -1);
            }
        }
        llama_kv_cache_update(context_);
    }

    int64_t run_prompt(int tokens) {
        int64_t nanos = 0;
        for (int from = 0; from < tokens; from += kChunk) {
            std::vector<Row> rows;
            for (int i = from; i < tokens && i < from + kChunk; i++) rows.push_back({token(), i, 0, i == tokens - 1});
            nanos += run(rows);
        }
        return nanos;
    }

    int64_t run(const std::vector<Row> & rows) {
        batch_.n_tokens = rows.size();
        for (size_t i = 0; i < rows.size(); i++) {
            batch_.token[i] = rows[i].token;
            batch_.pos[i] = rows[i].position;
            batch_.n_seq_id[i] = 1;
            batch_.seq_id[i][0] = rows[i].sequence;
            batch_.logits[i] = rows[i].logits;
        }
        auto start = std::chrono::steady_clock::now();
        int status = llama_decode(context_, batch_);
        llama_synchronize(context_);
        auto end = std::chrono::steady_clock::now();
        if (status != 0) throw std::runtime_error("llama_decode gave " + std::to_string(status));
        return std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
    }
};

void answer(Engine & engine, const std::string & line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "load") {
        std::string file;
        int  threads;
        bool repacked;
        words >> std::quoted(file) >> threads >> repacked;
        engine.load(file, threads, repacked);
        std::cout << "ok ik_llama.cpp" << std::endl;
    } else if (command == "decode") {
        int  steps, sequences, context;
        bool flash;
        words >> steps >> sequences >> context >> flash;
        auto nanos = engine.decode(steps, sequences, context, flash);
        std::cout << "ok";
        for (auto n : nanos) std::cout << ' ' << n;
        std::cout << std::endl;
    } else if (command == "prefill") {
        int  tokens;
        bool flash;
        words >> tokens >> flash;
        std::cout << "ok " << engine.prefill(tokens, flash) << std::endl;
    } else {
        throw std::runtime_error("unknown command " + command);
    }
}

void log_errors(ggml_log_level level, const char * text, void *) {
    if (level >= GGML_LOG_LEVEL_ERROR) std::cerr << text;
}

}  // namespace

int main() {
    llama_log_set(log_errors, nullptr);
    llama_backend_init();
    Engine engine;
    for (std::string line; std::getline(std::cin, line);) {
        try {
            answer(engine, line);
        } catch (const std::exception & e) {
            std::cout << "error " << e.what() << std::endl;
        }
    }
}
